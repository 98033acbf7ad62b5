"""Receivers on loopback, and a fleet that has something to tell."""

from collections.abc import Generator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.engines.scripted import Fleet, user
from tests.servers.ports import take_port
from tests.servers.receivers import Hook, Mailbox, start_hook, start_mailbox


@pytest.fixture
def hook() -> Generator[Hook]:
    with start_hook() as hook:
        yield hook


@pytest.fixture
def mailbox() -> Generator[Mailbox]:
    with start_mailbox() as mailbox:
        yield mailbox


@pytest.fixture
def fleet(ledger: Engine, tmp_path: Path) -> Fleet:
    """Instances that were synced before, so that what changes now is news."""
    fleet = Fleet(ledger, tmp_path)
    fleet.register("one", "two")
    fleet.adapter.accounts = [user("ana"), user("bob")]
    fleet.sync()
    return fleet


@pytest.fixture
def dead_port() -> Generator[int]:
    """A port on which nothing listens."""
    with take_port() as port:
        yield port
