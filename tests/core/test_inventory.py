"""How a list of accounts is compared with the one known, and when it is not believed."""

import pytest

from whalefall_pipeline.core.errors import CollapseRefusedError, SyncDataError
from whalefall_pipeline.core.inventory import KnownAccount, check_collapse, compare_inventory, describe_replacement
from whalefall_pipeline.core.model import Account, Kind


def _known(count: int, kind: str = "user", prefix: str = "u") -> list[KnownAccount]:
    return [KnownAccount(number, f"{prefix}{number}", kind, True) for number in range(count)]


def _read(known: list[KnownAccount]) -> list[Account]:
    return [Account(item.username, Kind(item.kind)) for item in known]


def test_new_returned_gone_and_of_another_kind() -> None:
    known = [
        KnownAccount(1, "stays", "user", True),
        KnownAccount(2, "returns", "user", False),
        KnownAccount(3, "goes", "user", True),
        KnownAccount(4, "becomes a role", "user", True),
        KnownAccount(5, "stays away", "user", False),
    ]
    read = [
        *(Account(name, Kind.USER) for name in ("stays", "returns", "new")),
        Account("becomes a role", Kind.ROLE),
    ]
    change = compare_inventory(known, read)
    assert [account.username for account in change.new] == ["new"]
    assert change.returned == [known[1]]
    assert change.gone == [known[2]]
    assert change.other_kind == [(known[3], Kind.ROLE)]


def test_an_account_with_another_id_of_the_server_is_another() -> None:
    known = [
        KnownAccount(1, "same", "user", True, "10"),
        KnownAccount(2, "made again", "user", True, "11"),
        KnownAccount(3, "first seen with one", "user", True, None),
        KnownAccount(4, "back", "user", False, "13"),
        KnownAccount(5, "shown without one", "user", True, "14"),
    ]
    ids = ("10", "21", "22", "23", "")
    read = [Account(item.username, Kind.USER, native_id=each) for item, each in zip(known, ids, strict=True)]
    change = compare_inventory(known, read)
    assert change.recreated == [known[1]]
    assert change.other_id == [(known[1], "21"), (known[2], "22"), (known[3], "23")]
    elsewhere = compare_inventory(known, read, is_same_server=False)
    assert (elsewhere.recreated, elsewhere.other_id) == ([], change.other_id)


def test_a_username_that_stands_twice_is_refused() -> None:
    with pytest.raises(SyncDataError, match="'twin' twice"):
        compare_inventory([], [Account("twin", Kind.USER), Account("twin", Kind.ROLE)])


@pytest.mark.parametrize(
    ("active", "left", "limit", "believed"),
    [
        (20, 10, 50, True),  # half is not more than half
        (21, 10, 50, False),  # eleven of twenty-one
        (14, 4, 50, True),  # more than half, but only ten
        (100, 89, 10, False),  # eleven, with a limit of ten percent
        (100, 1, 100, True),  # the rule is switched off
    ],
)
def test_more_than_the_share_and_more_than_ten(active: int, left: int, limit: int, believed: bool) -> None:
    known = _known(active)
    change = compare_inventory(known, _read(known[:left]))
    if believed:
        check_collapse(known, change, limit)
    else:
        with pytest.raises(SyncDataError, match=f"{active - left} of {active} accounts would vanish"):
            check_collapse(known, change, limit)


@pytest.mark.parametrize(("count", "said"), [(3, "all 3 accounts"), (2, "all 2 accounts"), (1, "the only account")])
def test_a_whole_kind_that_vanishes_is_not_believed(count: int, said: str) -> None:
    users, roles = _known(50), _known(count, "role", "r")
    with pytest.raises(SyncDataError, match=f"{said} of kind role would vanish"):
        check_collapse([*users, *roles], compare_inventory([*users, *roles], _read(users)), 100)


def test_one_of_several_may_go_and_a_kind_may_be_replaced() -> None:
    users, roles = _known(5), _known(3, "role", "r")
    check_collapse([*users, *roles], compare_inventory([*users, *roles], _read([*users, *roles[:1]])), 50)
    other = [*_read(users), Account("another role", Kind.ROLE)]
    check_collapse([*users, *roles], compare_inventory([*users, *roles], other), 50)


def test_a_kind_that_comes_in_any_way_replaces_the_one_that_went() -> None:
    """Made new, back again, or another kind before: each is an account of it."""
    users, roles = _known(5), [KnownAccount(10, "r", "role", True)]
    back = KnownAccount(11, "back", "role", False)
    for known, read in (
        ([*users, *roles], [*_read(users), Account("new", Kind.ROLE)]),
        ([*users, *roles, back], [*_read(users), Account("back", Kind.ROLE)]),
        ([*users, *roles], [*_read(users[1:]), Account(users[0].username, Kind.ROLE)]),
    ):
        check_collapse(known, compare_inventory(known, read), 50)


def test_what_the_engine_has_of_its_own_may_vanish() -> None:
    """Another version has other predefined roles."""
    users, own = _known(2), _known(40, "predefined", "pg_")
    known = [*users, *own]
    check_collapse(known, compare_inventory(known, _read(users)), 0)
    check_collapse(known, compare_inventory(known, _read(users)), 0, replacement="another server answers")


@pytest.mark.parametrize(
    ("active", "left", "limit", "believed"),
    [
        (4, 2, 50, True),
        (4, 1, 50, False),  # three of four, however few they are
        (200, 98, 90, False),  # half is the most, whatever the instance's own limit
        (4, 2, 20, False),  # unless that is lower
        (5, 4, 20, True),
        (2, 1, 0, False),
    ],
)
def test_where_another_server_answers_half_is_the_most(active: int, left: int, limit: int, *, believed: bool) -> None:
    known = _known(active)
    change = compare_inventory(known, _read(known[:left]))
    if believed:
        check_collapse(known, change, limit, replacement="another server answers")
    else:
        said = f"^another server answers; {active - left} of {active} accounts would vanish"
        with pytest.raises(CollapseRefusedError, match=said):
            check_collapse(known, change, limit, replacement="another server answers")


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (("1", "db1"), ("1", "db1"), ""),
        (("1", "db1"), ("1", "db2"), ""),  # it moved
        (("1", "db1"), ("2", "db1"), "another server answers: 2, before it was 1"),
        (("", "db1"), ("2", "db1"), ""),
        (("1", "db1"), ("", "db1"), ""),
        (
            ("1", "db1"),
            ("", "db2"),
            "another server may answer at db2: before it was db1, and it does not say which it is",
        ),
        ((None, "db1"), ("2", "db2"), "another server may answer at db2: before it was db1, and it did not say then"),
        ((None, None), ("2", "db2"), ""),  # the first inventory
        (("1", None), ("", "db2"), ""),
    ],
)
def test_another_server_is_known_by_what_it_is_or_else_by_where_it_is(
    before: tuple[str | None, str | None], now: tuple[str, str], said: str
) -> None:
    found = describe_replacement(before, now)
    assert found.startswith(said)
    assert bool(found) == bool(said)


@pytest.mark.parametrize(("count", "hidden", "said"), [(10, 1, "all 9 accounts of kind user"), (21, 10, "11 of 11")])
def test_accounts_that_may_hide_do_not_count(count: int, hidden: int, said: str) -> None:
    """An excluded account is one: the reading could not have shown it."""
    known = _known(count)
    names = {account.username for account in known[:hidden]}
    change = compare_inventory(known, [], names.__contains__)
    with pytest.raises(SyncDataError, match=said):
        check_collapse(known, change, 50)
    check_collapse(known, compare_inventory(known, _read(known[hidden:]), names.__contains__), 0)


@pytest.mark.parametrize(
    ("active", "again", "gone", "limit", "believed"),
    [
        (12, 12, 0, 50, False),
        (20, 6, 5, 50, False),  # together eleven of twenty
        (20, 10, 0, 0, True),  # only ten
        (30, 11, 0, 50, True),  # less than half
        (12, 12, 0, 100, True),  # the rule is switched off
    ],
)
def test_accounts_made_again_count_for_the_share(
    active: int, again: int, gone: int, limit: int, *, believed: bool
) -> None:
    """A logical restore has every role there, none with the id it had."""
    known = [account._replace(native_id=f"{account.id}") for account in _known(active)]
    ids = [f"{account.id + 100 * (account.id < again)}" for account in known]
    read = [Account(it.username, Kind.USER, native_id=each) for it, each in zip(known, ids, strict=True)]
    change = compare_inventory(known, read[: active - gone])
    assert (len(change.recreated), len(change.gone)) == (again, gone)
    if believed:
        check_collapse(known, change, limit)
    else:
        with pytest.raises(SyncDataError, match=f"{again + gone} of {active} accounts .*{again} of them .*accept it"):
            check_collapse(known, change, limit)


def test_inactive_accounts_do_not_count() -> None:
    gone = [KnownAccount(number + 100, f"old{number}", "user", False) for number in range(100)]
    known = [*_known(12), *gone]
    with pytest.raises(SyncDataError, match="11 of 12"):
        check_collapse(known, compare_inventory(known, _read(known[:1])), 50)
