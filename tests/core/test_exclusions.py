"""What is left out of a reading where databases and accounts are excluded, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whalefall_pipeline.adapters.postgresql.rules import RULES
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.exclusions import (
    check_exclusions,
    find_databases,
    find_names,
    is_excluded,
    leave_out,
    leave_out_accounts,
    sees,
)
from whalefall_pipeline.core.model import Account, Grant, Kind, Observation, Reading, Securable, Seen
from whalefall_pipeline.core.states import build_unseen

WHY = "nobody may"
OBSERVED = Observation(Seen.OBSERVED)
NAMES = st.sampled_from(["a", "b", "c", "server"])
TABLES = st.builds(Securable, st.just("table"), NAMES, st.just("public"), NAMES)
GRANTS = st.builds(Grant, NAMES, st.just("SELECT"), TABLES)
SCOPES = st.sampled_from([f"{kind}:{name}" for kind in ("database", "account") for name in ("a", "b", "c")])
EXCLUDED = st.dictionaries(SCOPES, st.just(WHY))


@given(st.lists(GRANTS), EXCLUDED)
def test_what_is_left_is_what_nobody_excluded(grants: list[Grant], excluded: dict[str, str]) -> None:
    coverage = {"server": OBSERVED, "database:a": OBSERVED, "database:a/definitions": Observation(Seen.DENIED, "no")}
    reading = leave_out(Reading.of(grants, coverage), excluded)
    kept = [
        grant
        for grant in grants
        if f"account:{grant.grantee}" not in excluded and f"database:{grant.securable.database}" not in excluded
    ]
    assert sorted(reading.grants) == sorted(kept)
    for scope in excluded:
        assert reading.coverage[scope] == Observation(Seen.EXCLUDED, WHY)
    for scope, seen in coverage.items():
        is_part = scope in excluded or ("database:a" in excluded and scope.startswith("database:a"))
        assert is_part or reading.coverage[scope] == seen
    assert ("database:a/definitions" in reading.coverage) == ("database:a" not in excluded)
    for name in ("a", "b"):
        assert sees(RULES, "table", name, reading.coverage) == (f"database:{name}" not in excluded)


def test_nothing_excluded_is_the_same_reading() -> None:
    reading = Reading.of([Grant("a", "SELECT", Securable("server"))], {"server": OBSERVED})
    assert leave_out(reading, {}) is reading
    accounts = [Account("a", Kind.USER), Account("b", Kind.USER)]
    assert leave_out_accounts(accounts, {}) == accounts
    assert leave_out_accounts(accounts, {"account:a": WHY, "database:b": WHY}) == accounts[1:]


def test_names_are_told_by_their_kind() -> None:
    excluded = {"database:a": WHY, "account:database:b": WHY}
    assert find_names(excluded, "database:") == {"a"}
    assert find_names(excluded, "account:") == {"database:b"}
    assert find_databases(excluded) == {"a": Observation(Seen.EXCLUDED, WHY)}


def test_no_grant_is_gone_that_is_held_on_an_excluded_database_though_the_server_lists_it() -> None:
    """PostgreSQL keeps who may connect to a database in one list for all of them."""
    coverage = {"server": OBSERVED, "databases": OBSERVED, "database:a": Observation(Seen.EXCLUDED, WHY)}
    assert [sees(RULES, "database", name, coverage) for name in ("a", "b")] == [False, True]
    assert [is_excluded(name, coverage) for name in ("a", "b", "")] == [True, False, False]
    assert not is_excluded("b", {"database:b": Observation(Seen.DENIED, "no")})


def test_an_account_that_is_read_again_is_no_scope_that_was_not_seen() -> None:
    coverage = {"account:bob": Observation(Seen.EXCLUDED, WHY), "server": OBSERVED}
    before = {item.scope: item for item in build_unseen(coverage, {}, {"server": None})}
    assert list(before) == ["account:bob"]
    denied = {"server": Observation(Seen.DENIED, "no")}
    assert [item.scope for item in build_unseen(denied, before, {})] == ["server"]


@pytest.mark.parametrize(
    ("scope", "reason", "said"),
    [
        ("database:Postgres", WHY, "every reading begins in it"),
        ("database:", WHY, "write database:NAME or account:NAME"),
        ("table:orders", WHY, "write database:NAME or account:NAME"),
        ("orders", WHY, "write database:NAME or account:NAME"),
        ("account:a\nb", WHY, "can't be excluded"),
        ("account:ana", " ", "say why"),
        ("account:ana", "a\nb", "say why"),
    ],
)
def test_what_can_not_be_excluded_is_refused(scope: str, reason: str, said: str) -> None:
    with pytest.raises(InvalidInstanceError, match=said):
        check_exclusions({"account:fine": WHY, scope: reason}, "postgres")


def test_all_else_can() -> None:
    check_exclusions({"database:shop": WHY, "account:postgres": WHY}, "postgres")
    check_exclusions({"database:postgres": WHY}, "")
