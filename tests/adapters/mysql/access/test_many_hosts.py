"""An account for each of many clients, all of one user part: hosts are not compared each with each."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

import pytest

from whalefall_pipeline.adapters.mysql import access_rows, mariadb
from whalefall_pipeline.adapters.mysql.access_dangers import find_dangers
from whalefall_pipeline.adapters.mysql.access_lookup import Lookup
from whalefall_pipeline.adapters.mysql.access_rows import Hosts, covers
from whalefall_pipeline.adapters.mysql.names import Flavour
from whalefall_pipeline.core.access.model import Population
from whalefall_pipeline.core.model import MEMBER, Account, AccountState, Held, Kind, Securable

MANY = 300
ADDRESSES = [f"10.0.{place // 250}.{place % 250}" for place in range(MANY)]
CLERK = Held(MEMBER, Securable("role", object="clerk"))
HOSTS = [
    "%",
    "app",
    "APP",
    "a%",
    "10.0.0.7",
    "10.0.0._",
    "10.%",
    "10.0.0.0/24",
    "10.0.0.7/255.255.255.255",
    r"a\pp",
    "",
]


@pytest.fixture
def count_compared(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Return what tells how often a host was compared with another one."""
    compared: list[str] = []

    def note(wider: str, host: str, flavour: Flavour) -> bool:
        compared.append(host)
        return covers(wider, host, flavour)

    monkeypatch.setattr(access_rows, "covers", note)
    return lambda: len(compared)


def build_defaults(*hosts: str) -> list[tuple[mariadb.Common, mariadb.Account]]:
    nothing = mariadb.PrivilegeRow._make([None] * len(mariadb.PrivilegeRow._fields))
    common = mariadb.to_common(nothing._replace(default_role="clerk"))
    return [(common, mariadb.to_account("app", host, None, common)) for host in hosts]


@pytest.mark.parametrize("flavour", ["mysql", "mariadb"])
def test_hosts_cover_what_each_of_them_covers(flavour: Flavour) -> None:
    hosts = Hosts(flavour, ((host, host) for host in HOSTS))
    others = Hosts(flavour, ((host, host) for host in HOSTS[1:]))
    for host in [*HOSTS, "10.0.0.8", "10.1.0.0/16", "10.0.0.8/32", "other"]:
        wider = [each for each in HOSTS if covers(each, host, flavour)]
        assert hosts.list_covering(host) == wider
        assert hosts.cover(host)
        assert others.cover(host) is (wider != ["%"])


@pytest.mark.parametrize("members", [ADDRESSES, ["%", *ADDRESSES[1:]], ADDRESSES[1:]])
def test_default_roles_are_looked_up(members: list[str], count_compared: Callable[[], int]) -> None:
    found = mariadb.find_default_roles(build_defaults(*ADDRESSES), [(f"app@{host}", (CLERK,)) for host in members])
    assert [username for username, _ in found] == [
        f"app@{host}" for host in ADDRESSES if host in members or "%" in members
    ]
    assert count_compared() <= MANY


def build_population(
    version: str, hosts: Sequence[str], held: Collection[Held], **roles: Collection[Held]
) -> Population:
    """Return a population of an account for each host, which all hold the same, and of roles."""
    states = {f"app@{host}": AccountState(Account(f"app@{host}", Kind.USER), frozenset(held)) for host in hosts}
    states |= {role: AccountState(Account(role, Kind.ROLE), frozenset(of_it)) for role, of_it in roles.items()}
    return Population(states, version=version)


WIDE = [f"10.{place // 250}.{place % 250}.%" for place in range(MANY)]
READS = Held("SELECT", Securable("database", "shop"))
WRITES = [Held(privilege, Securable("database", "%")) for privilege in ("INSERT", "UPDATE", "SELECT")]


@pytest.mark.parametrize("version", ["MySQL 9.7.4", "MariaDB 11.8.1"])
@pytest.mark.parametrize("hosts", [ADDRESSES, WIDE])
def test_where_nothing_is_dangerous_no_hosts_are_compared(
    version: str, hosts: list[str], count_compared: Callable[[], int]
) -> None:
    population = build_population(version, hosts, [READS, CLERK], clerk=[READS])
    assert not list(find_dangers(Lookup(population)))
    assert count_compared() == 0


@pytest.mark.parametrize("version", ["MySQL 9.7.4", "MariaDB 11.8.1"])
def test_what_a_wider_host_writes_is_found_by_looking_up(version: str, count_compared: Callable[[], int]) -> None:
    population = build_population(version, ADDRESSES, [])
    wider = AccountState(Account("app@%", Kind.USER), frozenset(WRITES))
    found = list(find_dangers(Lookup(replace(population, accounts={"app@%": wider, **population.accounts}))))
    assert len(found) == 2 * (MANY + 1)
    assert count_compared() == 0
