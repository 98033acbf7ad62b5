"""What accounts amount to: each fact of the contract with its reason, by itself and through nested roles."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import pytest

from tests.core.reversing import build_facts
from whalefall_pipeline.adapters.sqlserver import rules
from whalefall_pipeline.adapters.sqlserver.fixed_roles import FIXED_DATABASE_ROLES, FIXED_SERVER_ROLES
from whalefall_pipeline.adapters.sqlserver.names import to_username
from whalefall_pipeline.core.model import MEMBER, Account, AccountState, Effect, Grant, Json, Kind, Securable
from whalefall_pipeline.core.snapshot import build_snapshot, to_state

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOGIN: dict[str, Json] = {"principal_type": "SQL_LOGIN"}
FIXED: dict[str, Json] = {"principal_type": "SERVER_ROLE", "is_fixed_role": True}


def make(username: str, *grants: Grant, kind: Kind = Kind.USER, attributes: Mapping[str, Json] = LOGIN) -> AccountState:
    return AccountState.of(Account(username, kind, attributes), frozenset(grants))


def held(username: str, privilege: str, scope: str = "server", effect: Effect = "grant", **path: str) -> Grant:
    return Grant(username, privilege, Securable(scope, **path), effect=effect)


def member(username: str, role: str, database: str = "") -> Grant:
    name = to_username(database, role)
    return Grant(username, MEMBER, Securable("database_role" if database else "role", database, object=name))


def facts(state: AccountState, others: Iterable[AccountState] = ()) -> dict[str, list[str]]:
    accounts = {other.account.username: other for other in (state, *others)}
    reasons = build_facts(state, rules.RULES, accounts, NOW)["capability_reasons"]
    assert isinstance(reasons, dict)
    return {name: [str(why) for why in whys] for name, whys in reasons.items() if isinstance(whys, list)}


SYSADMIN = AccountState.of(Account("sysadmin", Kind.ROLE, FIXED))
SECURITYADMIN = AccountState.of(Account("securityadmin", Kind.ROLE, FIXED))


def test_sysadmin_through_a_nested_role_has_the_path_in_its_reason() -> None:
    outer = make("outer", member("outer", "sysadmin"), kind=Kind.ROLE)
    found = facts(make("alice", member("alice", "outer")), [outer, SYSADMIN])
    assert found["SUPERUSER"] == ["fixed server role sysadmin (through role outer > sysadmin)"]
    assert found["GRANT_ADMIN"] == found["SUPERUSER"]


def test_control_server_is_superuser_and_a_deny_takes_it_away() -> None:
    granted = held("alice", "CONTROL SERVER")
    assert facts(make("alice", granted)) == {
        "SUPERUSER": ["granted CONTROL SERVER"],
        "GRANT_ADMIN": ["granted CONTROL SERVER"],
    }
    denied = held("alice", "CONTROL SERVER", effect="deny")
    assert facts(make("alice", denied)) == {}
    assert facts(make("alice", granted, denied)) == {}


def test_a_deny_anywhere_beats_control_server_from_a_role_but_not_sysadmin() -> None:
    holder = make("holders", held("holders", "CONTROL SERVER"), kind=Kind.ROLE)
    login = make("ana", member("ana", "holders"))
    assert "SUPERUSER" in facts(login, [holder])
    denied = make("ana", member("ana", "holders"), held("ana", "CONTROL SERVER", effect="deny"))
    assert "SUPERUSER" not in facts(denied, [holder])
    denier = make("deniers", held("deniers", "CONTROL SERVER", effect="deny"), kind=Kind.ROLE)
    assert "SUPERUSER" not in facts(make("ana", member("ana", "holders"), member("ana", "deniers")), [holder, denier])
    both = make("ana", member("ana", "sysadmin"), held("ana", "CONTROL SERVER", effect="deny"))
    assert "SUPERUSER" in facts(both)


def test_securityadmin_grants_but_is_no_superuser() -> None:
    found = facts(make("alice", member("alice", "securityadmin")), [SECURITYADMIN])
    assert set(found) == {"GRANT_ADMIN"}


def test_a_database_role_of_that_name_gives_nothing_on_the_server() -> None:
    assert facts(make("alice", member("alice", "sysadmin", "Shop")), [SYSADMIN]) == {}


def test_a_login_named_as_a_fixed_role_is_none() -> None:
    assert "SUPERUSER" not in facts(AccountState.of(Account("sysadmin", Kind.ROLE, {"principal_type": "SERVER_ROLE"})))


@pytest.mark.parametrize(
    ("attribute", "capabilities"),
    [
        ("is_disabled", {"LOCKED"}),
        ("is_locked_out", {"LOCKED"}),
        ("is_expired", {"LOCKED", "PASSWORD_EXPIRED"}),
        ("is_must_change", {"LOCKED", "PASSWORD_EXPIRED"}),
    ],
)
def test_each_state_that_locks(attribute: str, capabilities: set[str]) -> None:
    assert set(facts(make("alice", attributes={**LOGIN, attribute: True}))) == capabilities
    assert facts(make("alice", attributes={**LOGIN, attribute: False})) == {}


def test_a_login_that_is_denied_connect_sql_is_locked() -> None:
    assert facts(make("alice", held("alice", "CONNECT SQL"))) == {}
    denied = held("alice", "CONNECT SQL", effect="deny")
    assert facts(make("alice", denied)) == {"LOCKED": ["denied CONNECT SQL"]}


def test_a_sysadmin_passes_every_denial_of_a_login() -> None:
    """By itself or through roles, its own denial and those of roles and public; a database's sysadmin is none."""
    denied = held("ana", "CONNECT SQL", effect="deny")
    assert "LOCKED" not in facts(make("ana", member("ana", "sysadmin"), denied), [SYSADMIN])
    outer = make("outer", member("outer", "sysadmin"), held("outer", "CONNECT SQL", effect="deny"), kind=Kind.ROLE)
    public = make("public", held("public", "CONNECT SQL", effect="deny"), kind=Kind.PUBLIC)
    assert "LOCKED" not in facts(make("ana", member("ana", "outer"), denied), [outer, public, SYSADMIN])
    assert "LOCKED" in facts(make("ana", member("ana", "sysadmin", "Shop"), denied), [SYSADMIN])
    assert "LOCKED" in facts(make("ana", member("ana", "sysadmin"), attributes={**LOGIN, "is_disabled": True}))


def test_a_login_is_locked_by_what_its_server_roles_are_denied_near_and_far() -> None:
    outer = make("outer", held("outer", "CONNECT SQL", effect="deny"), kind=Kind.ROLE)
    inner = make("inner", member("inner", "outer"), kind=Kind.ROLE)
    ana = make("ana", member("ana", "inner"), held("ana", "CONNECT SQL"))
    assert facts(ana, [inner, outer]) == {"LOCKED": ["denied CONNECT SQL (through role outer)"]}
    assert facts(make("ben", member("ben", "outer", "Shop")), [outer]) == {}
    assert "LOCKED" not in facts(inner, [outer])


def test_what_everybody_is_denied_or_granted_reaches_all_who_log_in() -> None:
    public = make("public", held("public", "CONNECT SQL", effect="deny"), kind=Kind.PUBLIC)
    assert facts(make("ana"), [public]) == {"LOCKED": ["denied CONNECT SQL (through public)"]}
    public = make("public", held("public", "CONTROL SERVER"), kind=Kind.PUBLIC)
    assert facts(make("ana"), [public])["SUPERUSER"] == ["granted CONTROL SERVER (through public)"]
    assert facts(make("ana", held("ana", "CONTROL SERVER", effect="deny")), [public]) == {}
    assert "SUPERUSER" not in facts(make("readers", kind=Kind.ROLE), [public])


def test_a_contained_user_is_locked_by_the_roles_of_its_database() -> None:
    name, role = "[Shop].[x]", "[Shop].[out]"
    contained: dict[str, Json] = {"principal_type": "SQL_USER", "database": "Shop", "authentication_type": "DATABASE"}
    denied = held(role, "CONNECT", "database", "deny", database="Shop")
    denier = make(role, denied, kind=Kind.ROLE, attributes={"principal_type": "DATABASE_ROLE", "database": "Shop"})
    found = facts(make(name, member(name, "out", "Shop"), attributes=contained), [denier])
    assert found == {"LOCKED": ["denied CONNECT in Shop (through role [Shop].[out])"]}
    assert facts(make("ana", member("ana", "out", "Shop")), [denier]) == {}


@pytest.mark.parametrize(
    ("kind", "attributes", "why"),
    [
        (Kind.ROLE, {"principal_type": "SERVER_ROLE"}, "server role"),
        (Kind.GROUP, {"principal_type": "WINDOWS_GROUP"}, "windows group"),
        (Kind.USER, {"principal_type": "CERTIFICATE_MAPPED_LOGIN"}, "login of a certificate"),
        (Kind.USER, {"database": "Shop", "is_orphaned": True}, "no login has the user's SID"),
        (Kind.USER, {"database": "Shop", "authentication_type": "NONE"}, "user without login"),
    ],
)  # fmt: skip
def test_who_never_logs_in(kind: Kind, attributes: dict[str, Json], why: str) -> None:
    assert facts(make("x", kind=kind, attributes=attributes)) == {"NO_LOGIN": [why]}


def test_a_contained_user_logs_in_unless_connect_is_denied() -> None:
    contained: dict[str, Json] = {"principal_type": "SQL_USER", "database": "Shop", "authentication_type": "DATABASE"}
    assert facts(make("x", attributes=contained)) == {}
    denied = held("x", "CONNECT", "database", "deny", database="Shop")
    assert facts(make("x", denied, attributes=contained)) == {"LOCKED": ["denied CONNECT in Shop"]}


def test_the_snapshot_shows_the_role_lists_that_readers_know_and_what_fixed_roles_confer() -> None:
    state = make(
        "alice", member("alice", "sysadmin"), member("alice", "db_datareader", "Shop"), held("alice", "SHUTDOWN")
    )
    document = build_snapshot(state, rules.RULES)
    categories = document["categories"]
    assert isinstance(categories, dict)
    assert categories["sqlserver_server_roles"] == ["sysadmin"]
    assert categories["sqlserver_database_roles"] == {"Shop": ["db_datareader"]}
    assert categories["sqlserver_server_permissions"] == ["SHUTDOWN"]
    assert categories["sqlserver_fixed_role_permissions"] == {
        "sysadmin": ["CONTROL SERVER"],
        "[Shop].[db_datareader]": ["SELECT"],
    }
    assert to_state("alice", document, rules.RULES) == state


def test_coverage_scopes() -> None:
    assert rules.RULES.observed_by("login", "") == rules.listed_by("alice") == rules.listed_by("[[x]]]") == "server"
    assert rules.RULES.observed_by("table", "Sh]op") == rules.listed_by("[Sh]]op].[alice]") == "database:Sh]op"


def test_no_two_scopes_share_a_category() -> None:
    names = [category.name for category in rules.CATEGORIES.values()]
    assert len(names) == len(set(names))
    assert all(name.startswith("sqlserver_") for name in names)


def test_the_fixed_roles_are_all_there() -> None:
    """Nine on the server with `public`, ten more from 2022 on; nine in each database without `public`."""
    assert len(FIXED_SERVER_ROLES) == 8 + 10
    assert len(FIXED_DATABASE_ROLES) == 9


@pytest.mark.parametrize(
    ("role", "allows"),
    [
        ("DatabaseConnector", "CONNECT ANY DATABASE"),
        ("LoginManager", "ALTER ANY LOGIN, CREATE LOGIN"),
        ("DatabaseManager", "ALTER ANY DATABASE, CREATE ANY DATABASE"),
        (
            "ServerStateManager",
            "ALTER SERVER STATE, VIEW SERVER PERFORMANCE STATE, VIEW SERVER SECURITY STATE, VIEW SERVER STATE",
        ),
        ("ServerStateReader", "VIEW SERVER PERFORMANCE STATE, VIEW SERVER SECURITY STATE, VIEW SERVER STATE"),
        ("ServerPerformanceStateReader", "VIEW SERVER PERFORMANCE STATE"),
        ("ServerSecurityStateReader", "VIEW SERVER SECURITY STATE"),
        (
            "DefinitionReader",
            "VIEW ANY DATABASE, VIEW ANY DEFINITION, VIEW ANY PERFORMANCE DEFINITION, VIEW ANY SECURITY DEFINITION",
        ),
        ("PerformanceDefinitionReader", "VIEW ANY PERFORMANCE DEFINITION"),
        ("SecurityDefinitionReader", "VIEW ANY SECURITY DEFINITION"),
    ],
)
def test_the_roles_of_2022_allow_what_their_page_says(role: str, allows: str) -> None:
    """Microsoft Learn, "Server-Level Roles", the table of permissions of SQL Server 2022's roles."""
    assert ", ".join(FIXED_SERVER_ROLES[f"##MS_{role}##"]) == allows
