"""What comes from a server has no secret of ours in it, and nothing that moves a cursor, in a sync and in a check."""

import socket
from collections.abc import Callable

import pytest
from sqlalchemy import Engine

from tests.engines.scripted import Fleet, ScriptedAdapter, user
from tests.ledger.rows import read
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.errors import DatabaseConnectionError, InvalidInstanceError, SyncDataError, WhalefallError
from whalefall_pipeline.core.model import Instance, Login, Observation, Security, Seen
from whalefall_pipeline.sync.opening import open_source
from whalefall_pipeline.sync.plan import Collector

SECRET = "hush"
"""The one that the fleet's instances have."""
ERRORS: list[Callable[[str], Exception]] = [
    lambda text: DatabaseConnectionError(text, transient=False),
    SyncDataError,
    WhalefallError,
    ValueError,
]


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("step", ["open", "accounts", "grants"])
def test_no_error_text_has_the_secret(fleet: Fleet, step: str, error: Callable[[str], Exception]) -> None:
    def fail(reached: str) -> None:
        if reached == step:
            raise error(f"\x1b[2Jrefused: password={SECRET}\nsecond line")

    fleet.adapter.hook = fail
    (outcome,) = fleet.sync()
    (record,) = read(fleet.engine, "select error_message m, to_jsonb(r)::text as whole from sync_instance_records r")
    assert record["m"].endswith(r"\x1b[2Jrefused: password=(secret)")
    assert SECRET not in record["whole"]
    assert SECRET not in str(outcome.error)
    assert outcome.error is not None
    assert outcome.error.__cause__ is None


@pytest.mark.parametrize("error", [IndexError, KeyError, ValueError, TypeError, AttributeError, ZeroDivisionError])
@pytest.mark.parametrize("step", ["open", "accounts", "grants"])
def test_an_answer_that_is_not_as_it_was_asked_for_is_unusable(
    fleet: Fleet, step: str, error: Callable[[str], Exception]
) -> None:
    def fail(reached: str) -> None:
        if reached == step:
            raise error("no such column")

    fleet.adapter.hook = fail
    fleet.sync()
    (record,) = read(fleet.engine, "select error_code, error_message from sync_instance_records")
    assert record["error_code"] == "SYNC_DATA_ERROR"
    assert "can't be understood" in record["error_message"]


def test_no_reason_version_or_setting_has_the_secret(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts = [user("ana")]
    fleet.adapter.coverage["database:shop"] = Observation(Seen.DENIED, f"it says {SECRET}\r\n\x07")
    fleet.adapter.attributes = {"init_connect": f"set @a = '{SECRET}'", "list": [SECRET, 1]}
    fleet.adapter.identity = f"id {SECRET}"
    fleet.sync()
    for table in ("sync_instance_records", "instance_scopes", "instance_attributes", "instances", "account_snapshots"):
        assert all(SECRET not in row["whole"] for row in read(ledger, f"select to_jsonb(t)::text whole from {table} t"))
    (scope,) = read(ledger, "select reason from instance_scopes")
    assert scope["reason"] == r"it says (secret)\r\n\x07"


def test_whether_a_connection_was_encrypted_and_verified_is_in_the_record(fleet: Fleet) -> None:
    fleet.adapter.security = Security(encrypted=True, verified=False)
    fleet.sync()
    (record,) = read(fleet.engine, "select encrypted, verified, inventory, permissions from record_details")
    assert tuple(record.values()) == (True, False, True, True)


def test_a_check_opens_as_a_sync_does() -> None:
    adapter = ScriptedAdapter()
    instance = Instance(1, "one", "postgresql", "127.0.0.1", 1)
    login = Login("collector", SECRET)

    def fail(_step: str) -> None:
        raise ValueError(SECRET)

    with Deadline(10) as deadline, open_source(Collector(adapter), instance, login, deadline) as session:
        assert session.check() == []
    adapter.hook = fail
    opened = open_source(Collector(adapter), instance, login, deadline)
    with pytest.raises(WhalefallError, match=r"ValueError: \(secret\)$"), opened:
        pass


@pytest.mark.parametrize("db_type", ADAPTERS)
@pytest.mark.parametrize(
    ("username", "password", "words"),
    [
        ("collector", "a\udcffb", "holds bytes that are no UTF-8"),
        ("collector", "\ud800", "holds bytes that are no UTF-8"),
        ("collector", "a\0b", "holds a zero character"),
        ("a\udcffb", SECRET, "holds bytes that are no UTF-8"),
        ("a\0b", SECRET, "holds a zero character"),
    ],
)
def test_a_login_that_is_no_text_goes_nowhere(db_type: str, username: str, password: str, words: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Deadline(10) as deadline:
        instance = Instance(1, "one", db_type, "127.0.0.1", server.getsockname()[1], "shop")
        opened = open_source(Collector(ADAPTERS[db_type]), instance, Login(username, password), deadline)
        with pytest.raises(InvalidInstanceError, match=words) as raised, opened:
            pass
        assert str(raised.value).endswith("whalefall credentials set one")
        assert str(raised.value).isprintable()
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()
