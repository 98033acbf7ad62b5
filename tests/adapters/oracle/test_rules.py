"""What Oracle accounts amount to, and where their grants stand: pure, without a server."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.reversing import build_facts
from whalefall_pipeline.adapters.oracle import rules
from whalefall_pipeline.adapters.oracle.container_data import ContainerDataRow, build_container_data
from whalefall_pipeline.adapters.oracle.containers import ContainerRow, build_containers
from whalefall_pipeline.adapters.oracle.grants import CONVERTERS
from whalefall_pipeline.core.model import MEMBER, SERVER, Account, AccountState, Grant, Kind, Membership, Securable
from whalefall_pipeline.core.rules import GRANT_ADMIN, LOCKED, NO_LOGIN, PASSWORD_EXPIRED, SUPERUSER
from whalefall_pipeline.core.snapshot import build_snapshot, to_state

ALL = build_container_data("C##WHALEFALL", [ContainerDataRow("Y", None, None, "Y", None)])
NOW = datetime(2026, 11, 24, tzinfo=UTC)


def user(status: str = "OPEN", **attributes: str) -> AccountState:
    return AccountState.of(Account("SCOTT", Kind.USER, {"account_status": status, **attributes}))


# Database Reference, "DBA_USERS", ACCOUNT_STATUS; "IN ROLLOVER" from "Gradual Database Password Rollover" (19.12, 21c)
@pytest.mark.parametrize(
    ("status", "capabilities"),
    [
        ("OPEN", set[str]()),
        ("EXPIRED", {PASSWORD_EXPIRED}),
        ("EXPIRED(GRACE)", set[str]()),
        ("LOCKED", {LOCKED}),
        ("LOCKED(TIMED)", {LOCKED}),
        ("EXPIRED & LOCKED", {PASSWORD_EXPIRED, LOCKED}),
        ("EXPIRED & LOCKED(TIMED)", {PASSWORD_EXPIRED, LOCKED}),
        ("EXPIRED(GRACE) & LOCKED", {LOCKED}),
        ("EXPIRED(GRACE) & LOCKED(TIMED)", {LOCKED}),
        ("EXPIRED (GRACE) & LOCKED (TIMED)", {LOCKED}),
        ("OPEN & IN ROLLOVER", set[str]()),
        ("EXPIRED & IN ROLLOVER", {PASSWORD_EXPIRED}),
        ("LOCKED & IN ROLLOVER", {LOCKED}),
        ("EXPIRED & LOCKED(TIMED) & IN ROLLOVER", {PASSWORD_EXPIRED, LOCKED}),
    ],
)
def test_each_account_status_says_what_it_says(status: str, capabilities: set[str]) -> None:
    found = rules.RULES.own_capabilities(user(status), NOW)
    assert found.keys() == capabilities
    assert all(status in why for reasons in found.values() for why in reasons)


@given(st.lists(st.sampled_from(["EXPIRED", "EXPIRED(GRACE)", "LOCKED", "LOCKED(TIMED)", "IN ROLLOVER"]), min_size=1))
def test_a_status_is_its_words_whatever_their_order(words: list[str]) -> None:
    assert rules.parse_account_status(" & ".join(words)) == words


def test_a_schema_without_authentication_does_not_log_in() -> None:
    assert NO_LOGIN in rules.RULES.own_capabilities(user(authentication_type="NONE"), NOW)


def make_role(name: str, *roles: str) -> AccountState:
    return AccountState.of(
        Account(name, Kind.ROLE), frozenset(Grant(name, MEMBER, Securable("role", object=role)) for role in roles)
    )


def test_a_nested_role_confers_with_its_path() -> None:
    accounts = {
        state.account.username: state
        for state in (
            AccountState.of(Account("SCOTT", Kind.USER), make_role("SCOTT", "OUTER").grants),
            make_role("OUTER", "INNER"),
            make_role("INNER", "DBA"),
            make_role("DBA"),
        )
    }
    facts = build_facts(accounts["SCOTT"], rules.RULES, accounts, NOW)
    reasons = facts["capability_reasons"]
    assert reasons == {
        SUPERUSER: ["role DBA (through role OUTER > INNER > DBA)"],
        GRANT_ADMIN: ["role DBA (through role OUTER > INNER > DBA)"],
    }
    assert facts["roles"] == ["DBA", "INNER", "OUTER"]


def make_local(name: str, *held: tuple[str, str], kind: Kind = Kind.USER) -> AccountState:
    """Make an account with roles and system privileges, each with the container that it is granted in."""
    grants = [
        Grant(name, MEMBER, Securable("database_role", container, object=what))
        if what.startswith("C##")
        else Grant(name, what, Securable("database", container))
        for what, container in held
    ]
    return AccountState.of(Account(name, kind), frozenset(grants))


def test_a_role_reached_in_one_container_confers_what_it_holds_there() -> None:
    role = make_local(
        "C##OPS", ("GRANT ANY PRIVILEGE", "HRPDB"), ("C##FAR", "HRPDB"), ("C##NEAR", "SALESPDB"), kind=Kind.ROLE
    )
    far = make_local("C##FAR", ("GRANT ANY PRIVILEGE", "HRPDB"), kind=Kind.ROLE)
    near = make_local("C##NEAR", ("GRANT ANY PRIVILEGE", "SALESPDB"), kind=Kind.ROLE)
    local = make_local("SALESPDB.ANA", ("C##OPS", "SALESPDB"))
    accounts = {state.account.username: state for state in (role, far, near, local)}
    facts = build_facts(local, rules.RULES, accounts, NOW)
    assert facts["roles"] == ["C##NEAR", "C##OPS"]
    assert facts["capability_reasons"] == {
        GRANT_ADMIN: ["GRANT ANY PRIVILEGE in SALESPDB (through role C##OPS > C##NEAR)"]
    }


def test_what_public_is_granted_everybody_has() -> None:
    public = AccountState.of(
        Account("PUBLIC", Kind.PUBLIC), frozenset({Grant("PUBLIC", MEMBER, Securable("role", object="DBA"))})
    )
    facts = build_facts(user(), rules.RULES, {"SCOTT": user(), "PUBLIC": public}, NOW)
    assert facts["roles"] == ["DBA"]
    why = ["role DBA (through role DBA) (through PUBLIC)"]
    assert facts["capability_reasons"] == {GRANT_ADMIN: why, SUPERUSER: why}


def test_dba_confers_though_it_is_in_no_list() -> None:
    membership = Membership("SCOTT", "DBA", "", admin_option=False, options=frozenset())
    assert rules.RULES.fixed_role_capabilities(membership).keys() == {SUPERUSER, GRANT_ADMIN}


@pytest.mark.parametrize(
    ("privilege", "securable", "capability", "reason"),
    [
        ("SYSDBA", Securable("password_file"), SUPERUSER, "SYSDBA (password file)"),
        ("SYSDBA", Securable("container_password_file", "SALESPDB"), SUPERUSER, "SYSDBA in SALESPDB (password file)"),
        ("GRANT ANY PRIVILEGE", Securable(SERVER), GRANT_ADMIN, "GRANT ANY PRIVILEGE"),
        ("GRANT ANY PRIVILEGE", Securable("database", "HRPDB"), GRANT_ADMIN, "GRANT ANY PRIVILEGE in HRPDB"),
    ],
)
def test_what_the_contract_names_is_a_capability(
    privilege: str, securable: Securable, capability: str, reason: str
) -> None:
    state = AccountState.of(Account("SCOTT", Kind.USER), frozenset({Grant("SCOTT", privilege, securable)}))
    assert rules.RULES.own_capabilities(state, NOW) == {capability: [reason]}


def test_other_administrators_of_the_password_file_are_no_superusers() -> None:
    state = AccountState.of(
        Account("BACKUP", Kind.USER), frozenset({Grant("BACKUP", "SYSBACKUP", Securable("password_file"))})
    )
    assert rules.RULES.own_capabilities(state, NOW) == {}


def test_every_scope_has_a_category_of_its_own() -> None:
    names = [category.name for category in rules.CATEGORIES.values()]
    assert len(names) == len(set(names))
    assert {"oracle_roles", "oracle_system_privileges"} <= set(names)
    assert all(name.startswith("oracle_") for name in names)


NAMES = st.text(alphabet="aA .$#ж'-", min_size=1, max_size=4)
SECURABLES = st.sampled_from(sorted(rules.CATEGORIES.items())).flatmap(
    lambda item: st.fixed_dictionaries(dict.fromkeys(item[1].levels, NAMES)).map(
        lambda path: Securable(item[0], **path)
    )
)
PRIVILEGES = st.sampled_from(["SELECT", "SELECT WITH HIERARCHY OPTION", "MEMBER", "QUOTA 1024", "NEVER HEARD OF"])


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.frozensets(st.builds(Grant, st.just("SCOTT"), PRIVILEGES, SECURABLES, st.booleans())))
def test_a_snapshot_holds_all_that_its_state_holds(grants: frozenset[Grant]) -> None:
    state = AccountState.of(Account("SCOTT", Kind.USER, {"account_status": "OPEN"}), grants)
    assert to_state("SCOTT", build_snapshot(state, rules.RULES), rules.RULES) == state


def test_each_part_is_read_and_each_scope_has_a_part() -> None:
    assert set(map(rules.part_of, rules.CATEGORIES)) == CONVERTERS.keys()


def test_a_local_account_is_named_with_its_container_and_a_common_one_is_not() -> None:
    rows = [ContainerRow(3, "SALESPDB", "READ WRITE", "NO", 40), ContainerRow(4, "HRPDB", "MOUNTED", "NO", None)]
    containers = build_containers([rows], [(1, "C##ADMIN"), (3, "C##ADMIN"), (3, "SCOTT")], ALL)
    assert containers.to_username(3, "SCOTT") == "SALESPDB.SCOTT"
    assert containers.to_username(3, "C##ADMIN") == "C##ADMIN"
    assert containers.to_username(3, "PUBLIC") == "PUBLIC"
    assert not containers.holds(4)
