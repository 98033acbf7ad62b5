"""An account for each of many clients, all of one user part: hosts are not compared each with each."""

from collections.abc import Callable

import pytest

from whalefall_pipeline.adapters.mysql import access_rows, mariadb
from whalefall_pipeline.adapters.mysql.access_rows import Hosts, covers
from whalefall_pipeline.core.model import MEMBER, Held, Securable

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

    def note(*hosts: str) -> bool:
        compared.append(hosts[0])
        return covers(*hosts)

    monkeypatch.setattr(access_rows, "covers", note)
    return lambda: len(compared)


def build_defaults(*hosts: str) -> list[tuple[mariadb.Common, mariadb.Account]]:
    nothing = mariadb.PrivilegeRow._make([None] * len(mariadb.PrivilegeRow._fields))
    common = mariadb.to_common(nothing._replace(default_role="clerk"))
    return [(common, mariadb.to_account("app", host, None, common)) for host in hosts]


def test_hosts_cover_what_each_of_them_covers() -> None:
    hosts = Hosts((host, host) for host in HOSTS)
    for host in [*HOSTS, "10.0.0.8", "10.1.0.0/16", "10.0.0.8/32", "other"]:
        assert hosts.list_covering(host) == [wider for wider in HOSTS if covers(wider, host)]
        assert hosts.cover(host)
        assert Hosts((wider, wider) for wider in HOSTS[1:]).cover(host) is any(covers(each, host) for each in HOSTS[1:])


@pytest.mark.parametrize("members", [ADDRESSES, ["%", *ADDRESSES[1:]], ADDRESSES[1:]])
def test_default_roles_are_looked_up(members: list[str], count_compared: Callable[[], int]) -> None:
    found = mariadb.find_default_roles(build_defaults(*ADDRESSES), [(f"app@{host}", (CLERK,)) for host in members])
    assert [username for username, _ in found] == [
        f"app@{host}" for host in ADDRESSES if host in members or "%" in members
    ]
    assert count_compared() <= MANY
