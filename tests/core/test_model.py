"""The values that all else is made of: what is the same, what is ordered, and what is there when nobody says it."""

from hypothesis import given
from hypothesis import strategies as st

from tests.core.strategies import PRIVILEGES, USERNAME, grants, securables, states
from whalefall_pipeline.core.model import (
    MEMBER,
    Account,
    AccountState,
    Coverage,
    Grant,
    Held,
    HeldRole,
    Instance,
    Kind,
    Login,
    Membership,
    Observation,
    Reading,
    Securable,
    Security,
    Seen,
    find_observation,
    find_roles,
    to_held,
)

OBSERVED, DENIED = Observation(Seen.OBSERVED), Observation(Seen.DENIED, "why")
OPTIONS = st.sampled_from(["INHERIT", "SET"])
ROLES = st.builds(Held, st.just(MEMBER) | OPTIONS, securables(["role", "database_role"]), st.booleans())
OTHERS = st.builds(Held, PRIVILEGES, securables(["server", "table"]))


def test_an_instance_that_says_no_more_is_synced_and_loses_at_most_half_of_its_accounts_at_once() -> None:
    instance = Instance(1, "shop", "postgresql", "db1", 5432)
    assert (instance.is_active, instance.vanish_limit_percent) == (True, 50)
    assert (instance.options, instance.labels, instance.excluded) == ({}, {}, {})


def test_a_login_is_shown_without_its_password() -> None:
    assert repr(Login("ana", "hush")) == "Login(username='ana')"


def test_what_is_granted_is_a_grant_without_an_option_unless_it_says_more() -> None:
    server = Securable("server")
    assert Held("SELECT", server) == Held("SELECT", server, grant_option=False, effect="grant")
    assert Grant("ana", "SELECT", server) == Grant("ana", "SELECT", server, grant_option=False, effect="grant")


def test_an_account_with_another_id_of_the_server_is_in_the_same_state() -> None:
    states = [AccountState.of(Account("ana", Kind.USER, native_id=native_id)) for native_id in ("10", "11")]
    assert states[0] == states[1]


def test_a_securable_in_words_is_its_scope_and_the_names_that_it_has() -> None:
    assert str(Securable("server")) == "server"
    assert str(Securable("table", "shop", "", "orders")) == "table shop.orders"


@given(st.lists(grants("ana") | grants("bob")))
def test_a_reading_holds_its_grants_by_grantee_and_equal_ones_once_in_memory(granted: list[Grant]) -> None:
    reading = Reading.of(granted, {})
    assert sorted(reading.grants) == sorted(granted)
    assert reading.held.keys() == {grant.grantee for grant in granted}
    held = [item for items in to_held(granted).values() for item in items]
    assert len({id(item) for item in held}) == len({grant[1:] for grant in granted})


@given(states())
def test_a_state_is_its_account_and_its_grants(state: AccountState) -> None:
    assert AccountState.of(state.account, state.grants) == state
    assert all(grant.grantee == USERNAME for grant in state.grants)


@given(st.frozensets(ROLES | OTHERS, max_size=8))
def test_roles_are_the_memberships_with_their_options_ordered_by_database_and_name(held: frozenset[Held]) -> None:
    """An option without its membership is none; no grant of another scope is in it."""
    found = find_roles(held)
    keys = [(role.database, role.role) for role in found]
    members = [item for item in held if item.privilege == MEMBER]
    assert keys == sorted({(item.securable.database, item.securable.object) for item in members})
    for role in found:
        of_it = [item for item in held if item.securable[1::2] == (role.database, role.role)]
        assert role.options == {item.privilege for item in of_it if item.privilege in ("INHERIT", "SET")}
        assert role.admin_option in {item.grant_option for item in of_it if item.privilege == MEMBER}


def test_a_membership_names_its_member_and_has_its_admin_option_and_options() -> None:
    readers, owners = Securable("role", object="readers"), Securable("database_role", "shop", object="owners")
    held = [Held(MEMBER, owners), Held(MEMBER, readers, grant_option=True), Held("INHERIT", readers)]
    state = AccountState(Account("ana", Kind.USER), frozenset([*held, Held("SELECT", Securable("server"))]))
    assert state.memberships == [
        Membership("ana", "readers", "", True, frozenset({"INHERIT"})),
        Membership("ana", "owners", "shop", False, frozenset()),
    ]
    assert find_roles(held) == tuple(HeldRole(*membership[1:]) for membership in state.memberships)


def test_a_scope_that_is_not_listed_goes_by_its_whole_then_by_the_list_of_databases_then_by_the_server() -> None:
    coverage: Coverage = {"server": OBSERVED}
    assert find_observation("database:shop/definitions", coverage) is OBSERVED
    coverage = {"server": OBSERVED, "databases": DENIED}
    assert find_observation("database:shop/definitions", coverage) is DENIED
    coverage = {**coverage, "database:shop": OBSERVED}
    assert find_observation("database:shop/definitions", coverage) is OBSERVED
    coverage = {**coverage, "database:shop/definitions": DENIED}
    assert find_observation("database:shop/definitions", coverage) is DENIED
    assert find_observation("database:shop", {}) is None


def test_what_is_known_of_a_connection_is_nothing_at_first() -> None:
    assert Security() == (None, None)
