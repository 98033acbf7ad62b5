"""What MariaDB reads out of a row that an earlier version wrote: the words meant more then, and mean it still."""

import pytest

from whalefall_pipeline.adapters.mysql.mariadb import (
    BITS,
    EVERYTHING,
    PrivilegeRow,
    to_effective_access,
    to_server_grants,
)

SPLIT = {
    *("SET USER", "FEDERATED ADMIN", "CONNECTION ADMIN", "READ_ONLY ADMIN", "REPLICATION SLAVE ADMIN", "BINLOG ADMIN"),
    "BINLOG REPLAY",
}
AFTER_SPLIT = SPLIT - {"READ_ONLY ADMIN"} | {"REPLICATION MASTER ADMIN", "BINLOG MONITOR", "SLAVE MONITOR"}


def _to_bits(names: set[str]) -> int:
    return sum(1 << BITS.index(name) for name in names)


def _to_names(bits: int) -> set[str]:
    return {name for at, name in enumerate(BITS) if bits >> at & 1}


@pytest.mark.parametrize(
    ("row", "server", "written", "more"),
    [
        (100400, 100432, {"SUPER"}, set[str]()),  # nothing was split yet
        (100400, 100618, {"SELECT"}, set[str]()),
        (100400, 100618, {"SUPER"}, SPLIT),
        (100400, 100618, {"SUPER", "REPLICATION SLAVE"}, SPLIT | {"REPLICATION MASTER ADMIN", "SLAVE MONITOR"}),
        (100400, 100618, {"REPLICATION SLAVE"}, {"SLAVE MONITOR"}),
        (0, 100618, {"SUPER"}, SPLIT),  # a row that says no version is of the first
        (100505, 100618, {"REPLICATION SLAVE ADMIN"}, {"SLAVE MONITOR"}),
        (100509, 100618, {"REPLICATION SLAVE ADMIN"}, set[str]()),
        (100618, 100618, {"SUPER"}, set[str]()),
        (100618, 101101, {"SUPER"}, {"READ_ONLY ADMIN"}),
        (100618, 110402, {"SUPER"}, {"READ_ONLY ADMIN"} | AFTER_SPLIT),
        (101119, 110402, {"SUPER"}, AFTER_SPLIT),
        (110000, 110402, {"SUPER"}, set[str]()),
    ],
)
def test_a_row_from_before_a_privilege_was_split_holds_its_parts(
    row: int, server: int, written: set[str], more: set[str]
) -> None:
    assert _to_names(to_effective_access(_to_bits(written), row, server)) == written | more


@pytest.mark.parametrize("row", [1, 100399, 1000000])
def test_a_row_of_a_version_that_no_server_writes_grants_nothing(row: int) -> None:
    assert to_effective_access(_to_bits({"SUPER"}), row, 110402) == 0


def test_a_row_with_a_bit_that_its_version_did_not_have_grants_nothing() -> None:
    assert to_effective_access(_to_bits({"SHOW CREATE ROUTINE"}), 110000, 110402) == 0
    assert _to_names(to_effective_access(_to_bits({"SHOW CREATE ROUTINE"}), 110300, 110402)) == {"SHOW CREATE ROUTINE"}


@pytest.mark.parametrize("access", [EVERYTHING, -1])
@pytest.mark.parametrize(("server", "last"), [(100432, "DELETE HISTORY"), (110402, "SHOW CREATE ROUTINE")])
def test_all_bits_are_all_privileges_that_the_server_has(access: int, server: int, last: str) -> None:
    assert to_effective_access(access, 100400, server) == (1 << BITS.index(last) + 1) - 1


@pytest.mark.parametrize(("server", "name"), [(100432, "REPLICATION CLIENT"), (100618, "BINLOG MONITOR")])
def test_a_privilege_has_the_name_that_the_server_prints(server: int, name: str) -> None:
    empty = PrivilegeRow._make([None] * len(PrivilegeRow._fields))
    row = empty._replace(access=str(_to_bits({"BINLOG MONITOR"})), version=str(server))
    assert [held.privilege for held in to_server_grants(row, server)] == [name]
