"""Laws of names: an account's name comes apart as it was put together, and no two share one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whalefall_pipeline.adapters.mysql.errors import observe
from whalefall_pipeline.adapters.mysql.mysql import parse_roles
from whalefall_pipeline.adapters.mysql.names import (
    Address,
    Flavour,
    find_only_database,
    means_database,
    quote,
    to_address,
    to_privilege,
    to_username,
)
from whalefall_pipeline.adapters.mysql.rows import parse_set, to_mask_reader, to_routine_grants
from whalefall_pipeline.core.model import Seen

USERS = st.text(alphabet="ab@`'\" %.,", max_size=6)
HOSTS = st.text(alphabet="ab.%`'", max_size=4)
FLAVOURS: st.SearchStrategy[Flavour] = st.sampled_from(["mysql", "mariadb"])


@given(USERS, HOSTS, FLAVOURS)
def test_a_username_comes_apart_as_it_was_joined(user: str, host: str, flavour: Flavour) -> None:
    assert to_address(to_username(user, host, flavour)) == Address(user, host)


@given(st.lists(st.tuples(USERS, HOSTS), unique=True), FLAVOURS)
def test_no_two_accounts_share_a_username(addresses: list[tuple[str, str]], flavour: Flavour) -> None:
    assert len({to_username(user, host, flavour) for user, host in addresses}) == len(addresses)


@given(st.lists(st.tuples(USERS, HOSTS)))
def test_mandatory_roles_are_read_as_they_are_quoted(roles: list[tuple[str, str]]) -> None:
    assert parse_roles(", ".join(f"{quote(user)}@{quote(host)}" for user, host in roles)) == roles


def test_mandatory_roles_may_be_without_quotes_or_host() -> None:
    text = """a, 'b''c'@localhost,"d""e",f@'%'"""
    assert parse_roles(text) == [("a", "%"), ("b'c", "localhost"), ('d"e', "%"), ("f", "%")]
    assert parse_roles("") == []


def test_a_routine_of_an_unknown_type_makes_its_scope_not_observed() -> None:
    found: list[object] = []
    seen = observe("routines", lambda: found.extend(to_routine_grants("app", "f", "AGGREGATE", "Execute")))
    assert seen.status is Seen.UNREACHABLE
    assert "AGGREGATE" in seen.reason


def test_unknown_words_keep_their_own_name() -> None:
    assert to_privilege("Time_travel") == "TIME TRAVEL"
    assert parse_set("Select,Time travel,Grant") == (("SELECT", "TIME TRAVEL"), True)
    assert to_mask_reader(["Select_priv", "Grant_priv", "Time_travel_priv"])("NYY") == (("TIME TRAVEL",), True)


DATABASES = ("app_x", "appyx", r"app\_x", "App_x", "app%", "appz", r"a\b", "ab")


@pytest.mark.parametrize(
    ("pattern", "meant", "only"),
    [
        ("app_x", ["app_x", "appyx"], None),
        (r"app\_x", ["app_x"], "app_x"),
        ("app%", ["app_x", "appyx", r"app\_x", "app%", "appz"], None),
        (r"app\%", ["app%"], "app%"),
        (r"app\\_x", [r"app\_x"], None),
        (r"app\\\_x", [r"app\_x"], r"app\_x"),
        ("APP_X", [], None),
        (r"a\b", ["ab"], "ab"),
        (r"a\\b", [r"a\b"], r"a\b"),
        ("app_%", ["app_x", "appyx", r"app\_x", "app%", "appz"], None),
        ("_pp%", ["app_x", "appyx", r"app\_x", "App_x", "app%", "appz"], None),
        ("%", list(DATABASES), None),
    ],
)
def test_a_pattern_means_what_the_server_let_in_by_it(pattern: str, meant: list[str], only: str | None) -> None:
    """As seen on MySQL 9.7 by logging in; with `partial_revokes` each name meant itself alone."""
    assert [name for name in DATABASES if means_database(pattern, name)] == meant
    assert find_only_database(pattern) == only
    assert [name for name in DATABASES if means_database(pattern, name, are_patterns=False)] == [
        name for name in DATABASES if name == pattern
    ]
