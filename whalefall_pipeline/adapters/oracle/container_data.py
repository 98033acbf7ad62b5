"""What CONTAINER_DATA lets the login see of the pluggable databases from the root, and what would open the rest. Pure.

DBA_PDBS, the V$ views and all CDB_ views leave out the rows of containers that the attribute does not name, without an
error: a pluggable database that is hidden looks like one that was dropped. DBA_CONTAINER_DATA, which is no such view
itself, has the attribute of each user: a default one, and others for single views, which go before it. One that is
DEFAULT has no row, and shows the root alone (SQL Language Reference, "ALTER USER", container_data_clause).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from whalefall_pipeline.adapters.oracle.names import quote
from whalefall_pipeline.core.model import Observation, Seen

Names: TypeAlias = "frozenset[str] | None"
"""Names of containers; None: all, those that are made later among them."""
DEFAULT = ""
"""The attribute that holds for all views without one of their own."""


class ContainerDataRow(NamedTuple):
    """A row of `container_data`: one container of an attribute, or all of them."""

    default_attr: str
    owner: str | None
    object_name: str | None
    all_containers: str
    container_name: str | None


@dataclass(frozen=True, slots=True)
class ContainerData:
    """The attributes of one login, by view; `unknown` says why they could not be read, and nothing is certain then.

    `named` are the views as the attributes name them: a statement that changes one has to name it so.
    """

    username: str
    shown: Mapping[str, Names] = field(default_factory=dict[str, Names])
    named: Mapping[str, str] = field(default_factory=dict[str, str])
    unknown: Observation | None = None

    def find_hidden(self, view: str, container: str) -> Observation | None:
        """Return why rows of a container may be missing from a view; None where they are all there."""
        names = self._find(view)
        if self.unknown is None and (names is None or container in names):
            return None
        return self.unknown or Observation(Seen.DENIED, self._explain(view))

    def find_incomplete(self, views: Iterable[str]) -> Observation | None:
        """Return why containers that nobody knows of may be missing from one of the views; None: all are listed."""
        narrow = next((view for view in views if self._find(view) is not None), None)
        if self.unknown is not None or narrow is None:
            return self.unknown
        return Observation(Seen.DENIED, self._explain(narrow))

    def _find(self, view: str) -> Names:
        name = _to_plain(view)
        return self.shown[name if name in self.shown else DEFAULT] if self.shown else frozenset()

    def _explain(self, view: str) -> str:
        """Return which attribute hides it, and the statement that shows it. The same each time."""
        name = self.named.get(_to_plain(view))
        of_view = f" FOR SYS.{name}" if name else ""
        value = "DEFAULT" if of_view and self.shown[DEFAULT] is None else "ALL"
        statement = f"ALTER USER {quote(self.username)} SET CONTAINER_DATA={value}{of_view} CONTAINER=CURRENT"
        return f"CONTAINER_DATA hides containers from the login: {statement}"


def build_container_data(username: str, rows: Iterable[ContainerDataRow]) -> ContainerData:
    """Build the attributes of a login from its rows; those for objects of others than SYS are left out."""
    shown: dict[str, Names] = {DEFAULT: frozenset()}
    named: dict[str, str] = {}
    for row in rows:
        if row.default_attr == "Y":
            view = DEFAULT
        elif row.owner == "SYS" and row.object_name:
            view = _to_plain(row.object_name)
            named[view] = row.object_name
        else:
            continue
        before = shown.get(view, frozenset[str]())
        if row.all_containers == "Y" or before is None:
            shown[view] = None
        else:
            shown[view] = before | ({row.container_name} if row.container_name else set())
    return ContainerData(username, shown, named)


def _to_plain(view: str) -> str:
    """Return a view's name as the attribute may have it: `V$PDBS` is the name of the table below `V_$PDBS`."""
    return view.replace("V_$", "V$", 1)
