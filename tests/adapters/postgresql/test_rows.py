"""Rows of the catalog as values: what several grantors gave is merged here, as the server merges it."""

from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whalefall_pipeline.adapters.postgresql.rows import add_held, add_memberships, to_accounts
from whalefall_pipeline.core.errors import SyncDataError
from whalefall_pipeline.core.model import MEMBER, Held, Securable

pytestmark = pytest.mark.unit

OIDS = st.integers(1, 4)
PRIVILEGES = st.sampled_from(["SELECT", "INSERT"])
TABLES = st.sampled_from(["orders", "items"])
ACL = st.lists(st.tuples(TABLES, PRIVILEGES, st.booleans(), OIDS), max_size=20)
"""Entries of ACLs: table, privilege, grant option, grantee; one grantee may have several, each of another grantor."""
EDGES = st.lists(
    st.tuples(st.sampled_from(["app", "ops"]), st.booleans(), st.booleans(), st.booleans(), OIDS), max_size=20
)
"""Rows of pg_auth_members: role, admin, inherit and set option, member; one member may have several."""


@given(ACL)
def test_a_privilege_is_held_with_grant_option_where_any_grantor_gave_it(acl: list[tuple[str, str, bool, int]]) -> None:
    groups: defaultdict[tuple[str, str, bool], list[int]] = defaultdict(list)
    for table, privilege, option, grantee in acl:
        groups[table, privilege, option].append(grantee)
    rows = [("table", "", "public", t, "", p, option, "grant", oids) for (t, p, option), oids in groups.items()]
    held: defaultdict[int, list[Held]] = defaultdict(list)

    add_held(held, rows, "shop")

    expected: defaultdict[int, set[Held]] = defaultdict(set)
    for table, privilege, _, grantee in acl:
        option = (table, privilege, True, grantee) in acl
        expected[grantee].add(Held(privilege, Securable("table", "shop", "public", table), option))
    assert {grantee: set(items) for grantee, items in held.items()} == expected


@given(EDGES)
def test_a_membership_has_each_option_that_any_grantor_gave(edges: list[tuple[str, bool, bool, bool, int]]) -> None:
    groups: defaultdict[tuple[str, bool, bool, bool], list[int]] = defaultdict(list)
    for role, *options, member in edges:
        groups[role, options[0], options[1], options[2]].append(member)
    held: defaultdict[int, list[Held]] = defaultdict(list)

    add_memberships(held, [(*key, members) for key, members in groups.items()])

    expected: defaultdict[int, set[Held]] = defaultdict(set)
    for role, member in {(edge[0], edge[-1]) for edge in edges}:
        of_both = [edge for edge in edges if (edge[0], edge[-1]) == (role, member)]
        securable = Securable("role", object=role)
        expected[member].add(Held(MEMBER, securable, any(edge[1] for edge in of_both)))
        if any(edge[2] for edge in of_both):
            expected[member].add(Held("INHERIT", securable))
        if any(edge[3] for edge in of_both):
            expected[member].add(Held("SET", securable))
    assert {member: set(items) for member, items in held.items()} == expected


def test_what_one_server_says_of_a_role_is_not_taken_for_what_another_says() -> None:
    flags = (1, 1, 0, 0, 1, 0, 0)
    to_accounts([(16400, "eve", *flags, -1, None)], {})
    accounts = to_accounts([(16401, "bob", *map(bool, flags), -1, None)], {})
    assert accounts[0].attributes["rolsuper"] is True


@pytest.mark.parametrize("odd", [[True], {"is": True}, None])
def test_a_flag_that_is_none_is_an_error_that_names_the_table(odd: object) -> None:
    with pytest.raises(SyncDataError, match="pg_roles has a row that can't be understood"):
        to_accounts([(16400, "eve", odd, *[False] * 6, -1, None)], {})
