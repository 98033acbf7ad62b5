"""What follows from an account's kind, login plugins and roles, and what is held on names of no level: no server."""

from collections.abc import Collection

import pytest

from whalefall_pipeline.adapters.mysql.access import ACCESS
from whalefall_pipeline.adapters.mysql.access_links import MAPPING, MysqlLinks, find_login_roles, may_map
from whalefall_pipeline.adapters.mysql.access_lookup import Lookup
from whalefall_pipeline.core.access.model import Population, Question, Sought, Wanted
from whalefall_pipeline.core.model import MEMBER, Account, AccountState, Grant, Json, Kind, Securable

CLERK = Securable("role", object="clerk")
BOB = Securable("proxy", object="bob@%")


def build(
    *grants: Grant, logins: Collection[str] = (), roles: Collection[str] = (), version: str = "", **settings: Json
) -> Population:
    accounts = [*(Account(name, Kind.USER) for name in logins), *(Account(name, Kind.ROLE) for name in roles)]
    states = {
        account.username: AccountState.of(account, [grant for grant in grants if grant.grantee == account.username])
        for account in accounts
    }
    return Population(states, version=version, attributes=settings)


def test_only_a_login_has_roles_that_are_on_as_it_begins() -> None:
    defaults = [Grant(name, privilege, CLERK) for name in ("ann@%", "staff") for privilege in (MEMBER, "DEFAULT")]
    lookup = Lookup(build(*defaults, logins=["ann@%"], roles=["staff", "clerk"], version="MySQL 8.4.0"))
    assert find_login_roles(lookup, "ann@%") == ["clerk"]
    assert find_login_roles(lookup, "staff") == []


def test_a_role_of_a_wider_host_too_is_one_step_by_the_nearest_row() -> None:
    """MariaDB takes a role from any row of the user part that covers the login's host."""
    names = ["ann@localhost", "ann@%", "ann@local%"]
    given = [Grant(name, MEMBER, Securable("role", object="clerk")) for name in names[1:]]
    known = build(*given, logins=names, roles=["clerk"], version="MariaDB 11.4.2")
    (link,) = MysqlLinks(Lookup(known)).list_links("ann@localhost")
    assert (link.target, link.step) == ("clerk", "SET ROLE clerk")
    own = build(*given, Grant("ann@localhost", MEMBER, CLERK), logins=names, roles=["clerk"], version="MariaDB 11.4.2")
    (link,) = MysqlLinks(Lookup(own)).list_links("ann@localhost")
    assert "by the row of" not in link.words


@pytest.mark.parametrize(
    ("attributes", "settings", "maps"),
    [
        *(({"plugin": plugin}, {}, True) for plugin in sorted(MAPPING)),
        ({"plugin": "ed25519", "other_plugins": ["pam"]}, {}, True),
        ({"plugin": "sha256_password"}, {"sha256_password_proxy_users": True, "check_proxy_users": True}, True),
        ({"plugin": "sha256_password"}, {"sha256_password_proxy_users": True}, False),
        ({"plugin": "sha256_password"}, {"check_proxy_users": True}, False),
        ({"plugin": "ed25519"}, {"check_proxy_users": True}, False),
        ({}, {}, False),
    ],
)
def test_a_login_is_taken_for_another_by_some_plugins_only(
    attributes: dict[str, Json], settings: dict[str, Json], maps: bool
) -> None:
    account = Account("ann@%", Kind.USER, attributes)
    lookup = Lookup(Population({"ann@%": AccountState(account)}, attributes=settings))
    assert may_map(lookup, "ann@%") is maps


def test_what_is_held_on_another_account_is_its_own_source_and_no_other_is() -> None:
    held = [Grant("ann@%", "PROXY", BOB), Grant("ann@%", "OTHER", BOB), Grant("eve@%", "OTHER", BOB)]
    population = build(*held, logins=["ann@%", "bob@%", "eve@%"])
    question = Question("PROXY", BOB)
    sources = list(ACCESS.find_sources(population, question, population.accounts))
    assert [(source.holder, source.held and source.held.privilege) for source in sources] == [("ann@%", "PROXY")]
    assert Wanted("proxy") in ACCESS.find_wanted(question)
    seeds = ACCESS.find_seeds(question)
    assert seeds
    assert Sought("PROXY", *BOB[:4]) in seeds.grants
    assert not [each for each in seeds.grants if each.privilege == "PROXY" and each.scope != "proxy"]


def test_nothing_is_held_by_an_account_that_is_not_there() -> None:
    shop = Grant("ann@%", "SELECT", Securable("database", "shop"))
    lookup = Lookup(build(shop, logins=["ann@%"]))
    assert [item.privilege for item in lookup.list_database_rows("ann@%", "shop")] == ["SELECT"]
    assert not lookup.list_database_rows("gone@%", "shop")
