"""Which container a row of the catalog is about, and how its names become usernames and databases. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from whalefall_pipeline.adapters.oracle.container_data import ContainerData
from whalefall_pipeline.adapters.oracle.rules import PUBLIC, ROOT
from whalefall_pipeline.core.exclusions import NOTHING_EXCLUDED, find_databases
from whalefall_pipeline.core.model import Observation, Seen

ROOT_ID = 1
OPEN_MODES = ("READ WRITE", "READ ONLY")
NEW = Observation(Seen.UNREACHABLE, "made or plugged in while the others were read")
REOPENED = Observation(Seen.UNREACHABLE, "closed and opened again while it was read")
VANISHED = Observation(Seen.UNREACHABLE, "dropped, unplugged or hidden while it was read")
OBSERVED = Observation(Seen.OBSERVED)
LIST_VIEWS = ("DBA_PDBS", "V_$PDBS")
"""The views that say which pluggable databases there are."""
ACCOUNT_VIEWS = (*LIST_VIEWS, "CDB_USERS", "CDB_ROLES")
"""The views that have to show a pluggable database, or its accounts are not known."""


class ContainerRow(NamedTuple):
    """One pluggable database as the root sees it; `accounts` counts what CDB_USERS shows of it.

    `open_time` is when it was opened: another one means that it was closed meanwhile. `proxy` is YES for one that
    stands for a pluggable database of another container database, whose rows no view here has.
    """

    con_id: int
    name: str
    open_mode: str | None
    restricted: str | None
    accounts: int | None
    open_time: object = None
    proxy: str | None = None


@dataclass(frozen=True, slots=True)
class Containers:
    """The containers of one reading.

    `own` is the container that the connection is in, `pdbs` the observed pluggable databases by id, `closed` why
    others are not; both are empty unless `own` is the root. `common` are the names that the root itself has, and
    `listed` says whether there may be others that nothing was seen of.
    """

    own: str
    pdbs: Mapping[int, str] = field(default_factory=dict[int, str])
    closed: Mapping[str, Observation] = field(default_factory=dict[str, Observation])
    common: frozenset[str] = frozenset()
    listed: Observation = OBSERVED

    @property
    def is_root(self) -> bool:
        """Return whether this is the root of a container database, which speaks for its pluggable databases too."""
        return self.own == ROOT

    def holds(self, con_id: int) -> bool:
        """Return whether rows of this container are part of the reading: not those of one that opened in between."""
        return not self.is_root or con_id <= ROOT_ID or con_id in self.pdbs

    def may_hide(self, username: str) -> bool:
        """Return whether a local account may exist in a pluggable database that was not observed."""
        container, dot, _ = username.partition(".")
        is_listed = self.listed.status is Seen.OBSERVED
        return container in self.closed or bool(dot and not is_listed and container not in self.pdbs.values())

    def to_username(self, con_id: int, name: str) -> str:
        """Return the account's name: `SALESPDB.SCOTT` for a local account seen from the root, else as it is."""
        if not self.is_root or con_id <= ROOT_ID or name in self.common or name == PUBLIC:
            return name
        return f"{self.pdbs[con_id]}.{name}"

    def to_database(self, con_id: int, common: str) -> str:
        """Return the container that a grant on an object holds in; empty: in all, as it was granted commonly."""
        if not self.is_root:
            return self.own
        if con_id > ROOT_ID:
            return self.pdbs[con_id]
        return "" if common == "YES" or con_id == 0 else ROOT

    def to_wide_database(self, con_id: int, common: str) -> str:
        """Return the container that a right without a name path holds in; empty: the whole instance."""
        return self.to_database(con_id, common) if self.is_root else ""


def build_containers(
    looks: Sequence[Sequence[ContainerRow]],
    names: Iterable[tuple[int, str]],
    data: ContainerData,
    no_last_look: Observation | None = None,
    excluded: Mapping[str, str] = NOTHING_EXCLUDED,
) -> Containers:
    """Build the root's containers from what it saw of them, and the common names from all account names.

    `looks` are several answers, from before the first to after the last row of the reading: CDB_ views say nothing of a
    container that is not open, so only one that was open all the time was observed. `no_last_look` is why the last of
    them is missing. Of what is `excluded` nothing is taken, though CDB_ views show it.
    """
    pdbs: dict[int, str] = {}
    closed: dict[str, Observation] = {}
    unwanted = find_databases(excluded)
    for row in {row[:2]: row for look in looks for row in look}.values():
        reason = unwanted.get(row.name) or _why_unseen(row, looks, data) or no_last_look
        if reason is None:
            pdbs[row.con_id] = row.name
        else:
            closed[row.name] = reason
    common = frozenset(name for con_id, name in names if con_id == ROOT_ID)
    return Containers(ROOT, pdbs, closed, common, data.find_incomplete(LIST_VIEWS) or OBSERVED)


def _why_unseen(row: ContainerRow, looks: Sequence[Sequence[ContainerRow]], data: ContainerData) -> Observation | None:
    hidden = next((why for view in ACCOUNT_VIEWS if (why := data.find_hidden(view, row.name))), None)
    if hidden is not None:
        return hidden
    seen = [next((one for one in look if one[:2] == row[:2]), None) for look in looks]
    if seen[-1] is None:
        return VANISHED
    if not all(seen):
        return NEW
    reason = next((why for one in seen if one and (why := _why_closed(one))), None)
    if reason is None and any(one and one.open_time != row.open_time for one in seen):
        return REOPENED
    return reason


def _why_closed(row: ContainerRow) -> Observation | None:
    if row.proxy == "YES":
        return Observation(Seen.UNREACHABLE, "a proxy of a pluggable database elsewhere: register that one")
    if row.open_mode is None:
        return Observation(Seen.DENIED, "V$PDBS does not show it to the login")
    if row.open_mode not in OPEN_MODES:
        return Observation(Seen.UNREACHABLE, f"not open (OPEN_MODE {row.open_mode})")
    if row.restricted == "YES":
        return Observation(Seen.UNREACHABLE, "open in restricted mode, which CDB_ views leave out")
    if not row.accounts:
        return Observation(Seen.DENIED, "CDB_USERS shows no account of it to the login")
    return None
