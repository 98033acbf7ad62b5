"""What a reading fetched of what is held: rows as they came, of which nothing is made before it has to be. Pure."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from whalefall_pipeline.adapters.postgresql.rows import (
    Row,
    add_held,
    add_memberships,
    name_creators,
    to_held_by_grantee,
)
from whalefall_pipeline.core.model import Held, HeldByGrantee, Observation


@dataclass(slots=True)
class Fetched:
    """All rows of what is held, and what was seen.

    `of_databases` has rows with the name of their database; `changed` are those that name roles by OID.
    """

    coverage: dict[str, Observation] = field(default_factory=dict[str, Observation])
    server_settings: list[Row] | None = None
    memberships: list[Row] = field(default_factory=list[Row])
    shared: list[Row] = field(default_factory=list[Row])
    of_databases: list[tuple[str, list[Row]]] = field(default_factory=list[tuple[str, list[Row]]])
    changed: list[tuple[str, list[Row]]] = field(default_factory=list[tuple[str, list[Row]]])

    def to_held(self, names: Mapping[int, str]) -> HeldByGrantee:
        """Return what each grantee holds, by the names that roles have by OID."""
        held: defaultdict[int, list[Held]] = defaultdict(list)
        add_memberships(held, self.memberships)
        add_held(held, self.shared)
        for name, rows in self.of_databases:
            add_held(held, rows, name)
        for name, rows in self.changed:
            add_held(held, name_creators(rows, names), name)
        return to_held_by_grantee(held, names)
