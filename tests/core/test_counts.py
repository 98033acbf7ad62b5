"""What a sync is said to have found and changed: the engine's own accounts, and what they hold, are in no count."""

from whalefall_pipeline.core.changes import AccountChange
from whalefall_pipeline.core.counts import InventoryCounts, PermissionCounts, count_inventory, count_permissions
from whalefall_pipeline.core.diff import ChangeType, Difference
from whalefall_pipeline.core.inventory import KnownAccount, compare_inventory
from whalefall_pipeline.core.model import Account, AccountState, Held, Kind, Securable

SELECT, CONNECT = Held("SELECT", Securable("server")), Held("CONNECT", Securable("server"))


def test_an_inventory_counts_accounts_that_are_there_new_back_gone_and_hidden() -> None:
    """Of each sort there is one more that the engine has of its own."""
    sorts = (("stays", 1), ("new", 2), ("back", 3), ("gone", 4), ("hidden", 5))
    kinds = {f"{sort} {number}": Kind.USER for sort, count in sorts for number in range(count)}
    kinds |= {f"{sort} pg": Kind.PREDEFINED for sort, _ in sorts}
    known = [
        KnownAccount(number, name, kind.value, not name.startswith("back"))
        for number, (name, kind) in enumerate(kinds.items())
        if not name.startswith("new")
    ]
    read = [Account(name, kind) for name, kind in kinds.items() if not name.startswith(("gone", "hidden"))]
    change = compare_inventory(known, read, lambda name: name.startswith("hidden"))
    assert count_inventory(read, change) == InventoryCounts(1 + 2 + 3, created=2, reactivated=3, deleted=4, hidden=5)


def _state(name: str, kind: Kind = Kind.USER, *held: Held) -> AccountState:
    return AccountState(Account(name, kind), frozenset(held))


def _change(state: AccountState | None, change_type: ChangeType) -> AccountChange:
    return AccountChange(1, "name", change_type, Difference(), state)


def test_permissions_count_what_was_read_of_known_accounts_and_what_changed_of_them() -> None:
    own = _state("pg_monitor", Kind.PREDEFINED, SELECT)
    known = [_state("ana", Kind.USER, SELECT, CONNECT), _state("bob", Kind.ROLE, SELECT), _state("eve"), own]
    unlisted = [_state("since", Kind.USER, SELECT), _state("then"), _state("pg_new", Kind.PREDEFINED)]
    changes = [
        *(_change(state, "add") for state in (known[0], own)),
        _change(known[1], "reactivate"),
        *(_change(state, "modify_privilege") for state in (*known[1:3], own)),
        _change(known[0], "modify_other"),
    ]
    assert count_permissions([*known, *unlisted], known, changes) == PermissionCounts(
        accounts=3, grants=3, not_in_inventory=2, added=2, changed=3
    )


def test_a_reading_of_nothing_counts_nothing_and_changed_nothing() -> None:
    nothing = PermissionCounts(accounts=0, grants=0, not_in_inventory=0)
    assert count_permissions([], [], []) == nothing == (0, 0, 0, 0, 0, 0, ())
