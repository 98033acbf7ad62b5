"""Tables as rows in memory, since an administrator's statements are many and small."""

from copy import deepcopy
from datetime import datetime
from typing import TypeAlias, cast

Value: TypeAlias = "str | int | datetime | bytes | None"
Line: TypeAlias = dict[str, Value]

ROOT_ID = 1
ROOT_NAME = "CDB$ROOT"


class Tables:
    """Named tables with defaults for their columns; `changed` names those that changed since it was last emptied."""

    def __init__(self, rows: dict[str, list[Line]], defaults: dict[str, Line]) -> None:
        self._given = rows
        self.defaults = defaults
        self.rows = deepcopy(rows)
        self.changed = set(rows)

    @property
    def pdbs(self) -> dict[str, int]:
        """The pluggable databases, the seed included, by name."""
        return {cast("str", row["pdb_name"]): cast("int", row["pdb_id"]) for row in self.rows["pdbs"]}

    def find_members(self, con_id: int) -> list[int]:
        """Find the containers that belong to a root: to the database's own all, to an application's its PDBs."""
        if con_id == ROOT_ID:
            return list(self.pdbs.values())
        return [cast("int", row["pdb_id"]) for row in self.find("pdbs", application_root_con_id=con_id)]

    def start_anew(self) -> None:
        """Take all tables back to what was given."""
        self.rows = deepcopy(self._given)
        self.changed = set(self.rows)

    def find(self, table: str, **where: object) -> list[Line]:
        """Return the rows whose columns have these values."""
        return [row for row in self.rows[table] if all(row[name] == value for name, value in where.items())]

    def exists(self, table: str, **where: object) -> bool:
        """Whether there is such a row."""
        return bool(self.find(table, **where))

    def insert(self, table: str, **values: Value) -> None:
        """Add a row."""
        if unknown := values.keys() - self.defaults[table].keys():
            raise KeyError(f"{table} has no column {unknown}")
        self.rows[table].append({**self.defaults[table], **values})
        self.changed.add(table)

    def update(self, table: str, changes: Line, **where: object) -> None:
        """Change rows."""
        if unknown := changes.keys() - self.defaults[table].keys():
            raise KeyError(f"{table} has no column {unknown}")
        for row in self.find(table, **where):
            row.update(changes)
        self.changed.add(table)

    def delete(self, table: str, **where: object) -> int:
        """Remove rows, and say how many."""
        gone = self.find(table, **where)
        self.rows[table] = [row for row in self.rows[table] if row not in gone]
        self.changed.add(table)
        return len(gone)
