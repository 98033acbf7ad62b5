"""Where nobody can become more, the newest reading said so, and nothing else is loaded to say it again."""

import pytest
from sqlalchemy import Engine

from tests.engines.scripted import FLAGS, OBSERVED, Fleet, user
from tests.ledger.rows import to_url
from whalefall_pipeline import __version__
from whalefall_pipeline.adapters.postgresql.access import ACCESS
from whalefall_pipeline.core.access.danger_summary import to_maker
from whalefall_pipeline.core.access.escalate import find_escalations
from whalefall_pipeline.core.model import Account, Grant, Kind, Observation, Securable, Seen
from whalefall_pipeline.ledger.access import read_asked, read_populations, read_without_ways
from whalefall_pipeline.ledger.reader import reading

FILES = "pg_read_server_files"


@pytest.fixture
def plain(fleet: Fleet) -> Fleet:
    """Two instances with a superuser and others, of whom one could do more on the second."""
    fleet.adapter.access = ACCESS
    fleet.adapter.accounts = [user("root", rolsuper=True), user("ana"), Account(FILES, Kind.PREDEFINED, FLAGS)]
    fleet.register("two")
    fleet.sync(fleet.instances[:1])
    fleet.adapter.grants = [
        Grant("ana", option, Securable("role", object=FILES)) for option in ("MEMBER", "INHERIT", "SET")
    ]
    fleet.sync(fleet.instances[1:])
    return fleet


def find(ledger: Engine, version: str = to_maker(__version__)) -> dict[str, list[str]]:
    """Return what is known without loading anything, after comparing it with what is found in all accounts."""
    with reading(to_url(ledger)) as reader:
        asked = read_asked(reader)
        known = read_without_ways(reader, asked, version)
        populations = read_populations(reader, asked, {item.id: ACCESS.find_dangerous() for item in asked})
    for item in asked:
        found = find_escalations(ACCESS, populations[item.id])
        assert item.id not in known or (known[item.id], found.ways) == (list(found.superusers), ())
    return {item.name: known[item.id] for item in asked if item.id in known}


def test_an_instance_without_ways_is_told_by_its_last_reading(plain: Fleet, ledger: Engine) -> None:
    assert find(ledger) == {"one": ["root"]}
    assert find(ledger, "another version") == {}


def test_what_was_not_seen_or_changed_since_is_not_told(plain: Fleet, ledger: Engine) -> None:
    with ledger.begin() as connection:
        connection.exec_driver_sql("update instance_accounts set updated_at = now() where username = 'ana'")
    assert find(ledger) == {}
    plain.adapter.grants = []
    plain.sync()
    assert sorted(find(ledger)) == ["one", "two"]
    plain.adapter.coverage = {"server": OBSERVED, "database:hr": Observation(Seen.DENIED, "no CONNECT")}
    plain.sync(plain.instances[:1])
    assert sorted(find(ledger)) == ["two"]
