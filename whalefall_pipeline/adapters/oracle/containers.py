"""Which container a row of the catalog is about, and how its names become usernames and databases. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from whalefall_pipeline.adapters.oracle.rules import PUBLIC, ROOT
from whalefall_pipeline.core.model import Observation, Seen

ROOT_ID = 1
OPEN_MODES = ("READ WRITE", "READ ONLY")
NEW = Observation(Seen.UNREACHABLE, "made or plugged in while the others were read")
REOPENED = Observation(Seen.UNREACHABLE, "closed and opened again while it was read")


class ContainerRow(NamedTuple):
    """One pluggable database as the root sees it; `accounts` counts what CDB_USERS shows of it.

    `open_time` is when it was opened: another one means that it was closed meanwhile.
    """

    con_id: int
    name: str
    open_mode: str | None
    restricted: str | None
    accounts: int | None
    open_time: object = None


@dataclass(frozen=True, slots=True)
class Containers:
    """The containers of one reading.

    `own` is the container that the connection is in, `pdbs` the observed pluggable databases by id, `closed` why
    others are not; both are empty unless `own` is the root. `common` are the names that the root itself has.
    """

    own: str
    pdbs: Mapping[int, str] = field(default_factory=dict[int, str])
    closed: Mapping[str, Observation] = field(default_factory=dict[str, Observation])
    common: frozenset[str] = frozenset()

    @property
    def is_root(self) -> bool:
        """Whether this is the root of a container database, which speaks for its pluggable databases too."""
        return self.own == ROOT

    def holds(self, con_id: int) -> bool:
        """Whether rows of this container are part of the reading: not those of one that opened in between."""
        return not self.is_root or con_id <= ROOT_ID or con_id in self.pdbs

    def to_username(self, con_id: int, name: str) -> str:
        """Give the account's name: `SALESPDB.SCOTT` for a local account seen from the root, else as it is."""
        if not self.is_root or con_id <= ROOT_ID or name in self.common or name == PUBLIC:
            return name
        return f"{self.pdbs[con_id]}.{name}"

    def to_database(self, con_id: int, common: str) -> str:
        """Name the container that a grant on an object holds in; empty: in all, as it was granted commonly."""
        if not self.is_root:
            return self.own
        if con_id > ROOT_ID:
            return self.pdbs[con_id]
        return "" if common == "YES" or con_id == 0 else ROOT

    def to_wide_database(self, con_id: int, common: str) -> str:
        """Name the container that a right without a name path holds in; empty: the whole instance."""
        return self.to_database(con_id, common) if self.is_root else ""


def build_containers(looks: Sequence[Sequence[ContainerRow]], names: Iterable[tuple[int, str]]) -> Containers:
    """Build the root's containers from what it saw of them, and the common names from all account names.

    `looks` are several answers, from before the first to after the last row of the reading: CDB_ views say nothing of a
    container that is not open, so only one that was open all the time was observed.
    """
    pdbs: dict[int, str] = {}
    closed: dict[str, Observation] = {}
    for row in looks[-1]:
        seen = [_find(look, row) for look in looks]
        reason = next((why for one in seen if (why := _why_unseen(one))), None)
        if reason is None and any(one and one.open_time != row.open_time for one in seen):
            reason = REOPENED
        if reason is None:
            pdbs[row.con_id] = row.name
        else:
            closed[row.name] = reason
    common = frozenset(name for con_id, name in names if con_id == ROOT_ID)
    return Containers(ROOT, pdbs, closed, common)


def _find(look: Iterable[ContainerRow], wanted: ContainerRow) -> ContainerRow | None:
    return next((row for row in look if row[:2] == wanted[:2]), None)


def _why_unseen(row: ContainerRow | None) -> Observation | None:
    if row is None:
        return NEW
    if row.open_mode is None:
        return Observation(Seen.DENIED, "hidden from the login: ALTER USER … SET CONTAINER_DATA=ALL CONTAINER=CURRENT")
    if row.open_mode not in OPEN_MODES:
        return Observation(Seen.UNREACHABLE, f"not open (OPEN_MODE {row.open_mode})")
    if row.restricted == "YES":
        return Observation(Seen.UNREACHABLE, "open in restricted mode, which CDB_ views leave out")
    if not row.accounts:
        return Observation(Seen.DENIED, "no accounts to be seen: the login lacks CONTAINER_DATA for it")
    return None
