"""Numbers the grants of an instance: what accounts hold is written as numbers, each grant once for all who hold it."""

from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import Connection

from whalefall_pipeline.core.changes import AccountChange
from whalefall_pipeline.core.model import Held, is_of_role
from whalefall_pipeline.ledger.copying import Copier
from whalefall_pipeline.ledger.database import load_statements, to_fields

SQL = load_statements("grants.sql")
GRANT_COLUMNS = (
    *("instance_id", "number", "privilege", "scope", "database_name", "schema_name", "object_name", "column_name"),
    *("grant_option", "effect"),
)


class Numbers(dict[Held, int]):
    """The numbers of grants, of an instance that has so many: what has none gets the next one when it is looked up."""

    def __init__(self, known: Iterable[tuple[Held, int]], highest: int) -> None:
        super().__init__(known)
        self.of_roles = {number for held, number in self.items() if is_of_role(held)}
        """The numbers of memberships, and of what holds of them."""
        self._highest = highest
        self._new: list[Held] = []

    def __missing__(self, held: Held) -> int:
        self._new.append(held)
        number = self[held] = self._highest + len(self._new)
        if is_of_role(held):
            self.of_roles.add(number)
        return number

    def write(self, copier: Copier, instance_id: int) -> None:
        """Append the grants that were given a number here, those on one object together: it is what is asked for."""
        numbered = sorted(enumerate(self._new, self._highest + 1), key=lambda item: item[1].securable)
        lines = (f"{instance_id}\t{number}\t{_to_fields(held)}\n" for number, held in numbered)
        copier.append("instance_grant", GRANT_COLUMNS, lines)


def read_numbers(connection: Connection, instance_id: int, changes: Iterable[AccountChange]) -> Numbers:
    """Return the numbers of what accounts gain and lose by changes, in the transaction that locks the instance.

    They are asked for only where the instance has grants: at a first reading it has none.
    """
    highest: int = connection.execute(SQL["highest"], {"instance_id": instance_id}).scalar_one()
    if not highest:
        return Numbers((), 0)
    wanted = {held for change in changes for held in (*change.difference.gained, *change.difference.lost)}
    return Numbers(_read_known(connection, instance_id, list(wanted)), highest)


def _read_known(connection: Connection, instance_id: int, wanted: Sequence[Held]) -> Iterator[tuple[Held, int]]:
    if not wanted:
        return
    names = ("privileges", "scopes", "databases", "schemas", "objects", "columns", "options", "effects")
    rows = ((privilege, *securable, option, effect) for privilege, securable, option, effect in wanted)
    columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
    found = connection.execute(SQL["read_numbers"], {"instance_id": instance_id, **columns})
    yield from ((wanted[place - 1], number) for place, number in found)


def _to_fields(held: Held) -> str:
    privilege, securable, grant_option, effect = held
    return to_fields([privilege, *securable, "t" if grant_option else "f", effect])
