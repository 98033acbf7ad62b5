"""What PostgreSQL's catalog says of an account, as facts."""

from datetime import UTC, datetime
from typing import cast

import pytest

from tests.core.reversing import build_facts
from whalefall_pipeline.adapters.postgresql import rules
from whalefall_pipeline.core.model import MEMBER, Account, AccountState, Grant, Json, Kind, Securable
from whalefall_pipeline.core.rules import GRANT_ADMIN, LOCKED, NO_LOGIN, PASSWORD_EXPIRED, SUPERUSER

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PLAIN: dict[str, Json] = {"rolsuper": False, "rolcreaterole": False, "rolcanlogin": True}


def account(name: str, *grants: tuple[str, str, bool], **attributes: Json) -> AccountState:
    held = frozenset(Grant(name, token, Securable("role", object=role), option) for role, token, option in grants)
    return AccountState.of(Account(name, Kind.USER, {**PLAIN, **attributes}), held)


def capabilities(state: AccountState, *others: AccountState) -> list[str]:
    accounts = {each.account.username: each for each in (state, *others)}
    """Return the capabilities that every engine has; those by the names of role attributes are left out."""
    facts = build_facts(state, rules.RULES, accounts, NOW)["capabilities"]
    assert isinstance(facts, list)
    return [str(each) for each in facts if str(each).isupper()]


def test_every_role_attribute_that_is_true_is_a_capability_under_its_own_name() -> None:
    state = account("ada", rolreplication=True, rolbypassrls=True, rolcreatedb=True)
    member = account("bob", ("MEMBER", "ada", False), ("SET", "ada", False))
    facts = build_facts(state, rules.RULES, {"ada": state}, NOW)
    assert {"rolreplication", "rolbypassrls", "rolcreatedb", "rolcanlogin"} <= set(
        cast("list[str]", facts["capabilities"])
    )
    assert cast("dict[str, Json]", facts["capability_reasons"])["rolreplication"] == ["rolreplication"]
    inherited = build_facts(member, rules.RULES, {"ada": state, "bob": member}, NOW)["capabilities"]
    assert "rolreplication" not in cast("list[str]", inherited), "role attributes are not inherited"


@pytest.mark.parametrize(
    ("valid_until", "expired"),
    [
        ("2026-01-01T23:59:59.000000+00:00", True),
        ("2026-01-02T00:00:01.000000+00:00", False),
        ("-infinity", True),
        ("20260-01-01T00:00:00.000000+00:00", False),
    ],
)
def test_a_password_is_valid_until_its_moment(valid_until: str, expired: bool) -> None:
    found = capabilities(account("ada", rolvaliduntil=valid_until))
    assert found == ([LOCKED, PASSWORD_EXPIRED] if expired else [])


def test_what_cannot_log_in_is_locked() -> None:
    assert capabilities(account("ada", rolcanlogin=False)) == [LOCKED, NO_LOGIN]


def test_public_is_not_locked() -> None:
    assert capabilities(AccountState.of(Account("public", Kind.PUBLIC))) == [NO_LOGIN]


@pytest.mark.parametrize(
    ("options", "admin", "reached"),
    [
        (("INHERIT", "SET"), False, [GRANT_ADMIN, SUPERUSER]),
        # role attributes are not inherited: without SET ROLE they are out of reach
        (("INHERIT",), False, []),
        # of a role that is a superuser only superusers may grant
        ((), True, []),
    ],
)
def test_a_member_reaches_what_it_can_become(options: tuple[str, ...], admin: bool, reached: list[str]) -> None:
    grants = [("boss", MEMBER, admin), *(("boss", option, False) for option in options)]
    boss = account("boss", rolsuper=True, rolcreaterole=True)
    assert capabilities(account("ada", *grants), boss) == reached


@pytest.mark.parametrize(("options", "reached"), [(("SET",), [SUPERUSER]), (("INHERIT",), []), ((), [])])
def test_who_may_grant_a_role_can_become_what_its_members_can(options: tuple[str, ...], reached: list[str]) -> None:
    dba = account("dba", rolsuper=True)
    between = account("between", ("dba", MEMBER, False), *(("dba", option, False) for option in options))
    assert capabilities(account("bob", ("between", MEMBER, True)), between, dba) == reached
