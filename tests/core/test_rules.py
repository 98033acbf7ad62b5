"""What an engine owes when it says nothing: the defaults of its rules take nothing for granted, and hide nothing."""

from datetime import UTC, datetime

from tests.core.strategies import RULES
from whalefall_pipeline.core.model import Account, AccountState, Kind, Membership
from whalefall_pipeline.core.rules import GRANT_ADMIN, LOCKED, SUPERUSER, Rules

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ANA = AccountState(Account("ana", Kind.USER))
READERS = Membership("ana", "readers", "", False, frozenset())


def test_an_engine_that_does_not_say_when_accounts_change_by_themselves_has_them_looked_at_each_time() -> None:
    assert RULES.passes_at(ANA.account, NOW) == NOW


def test_an_engine_that_does_not_say_what_capabilities_follow_from_has_each_account_looked_at() -> None:
    assert not RULES.own_by_attributes


def test_an_engine_without_denials_refuses_no_login_and_withholds_nothing() -> None:
    assert RULES.refuse_login(ANA, [ANA]) == []
    assert {RULES.withholds(capability, [ANA]) for capability in (SUPERUSER, GRANT_ADMIN, LOCKED)} == {False}


def test_a_membership_carries_what_its_role_may_unless_the_engine_says_otherwise() -> None:
    assert RULES.carries(READERS, SUPERUSER, ANA)
    assert RULES.carries(READERS, SUPERUSER, None)


def test_an_engine_without_built_in_or_implied_roles_adds_none() -> None:
    assert RULES.fixed_role_capabilities(READERS) == {}
    assert list(RULES.implied_roles(ANA, {})) == []
    assert Rules.derived_categories(RULES, [], [READERS]) == {}


def test_what_an_account_is_can_not_be_taken_from_it_unless_the_engine_says_how() -> None:
    assert RULES.build_powerless(ANA.account) is ANA.account


def test_rules_begin_with_the_first_version() -> None:
    assert Rules.version == 1
