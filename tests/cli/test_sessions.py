"""`whalefall sessions` of an id that was not written out: it is found where it can mean one session or one batch."""

import pytest
from sqlalchemy import Engine

from tests.cli.conftest import Run
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.sessions import SessionStart, open_session

BATCHES = {"abc-1": "day-1", "abc-2": "day-1", "abd-3": "night-1", "abd-4": "night-2", "xyz": None}
REASON = "a run of it died"


@pytest.fixture(autouse=True)
def _sessions(ledger: Engine) -> None:
    with ledger.connect() as connection, transaction(connection):
        for session_id, batch_id in BATCHES.items():
            message = None if batch_id else REASON
            open_session(connection, SessionStart(session_id, "manual_batch", batch_id, message=message), [])


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("abc-1", ["abc-1"]),
        ("abd-3", ["abd-3"]),
        ("x", ["xyz"]),
        ("day-1", ["abc-1", "abc-2"]),
        ("d", ["abc-1", "abc-2"]),
        ("night-2", ["abd-4"]),
    ],
)
def test_an_id_or_its_begin_names_one_session_or_all_of_a_batch(whalefall: Run, word: str, found: list[str]) -> None:
    printed = whalefall("sessions", word)
    assert printed.returncode == 0, printed.stderr
    assert [session_id for session_id in BATCHES if session_id in printed.stdout] == found
    assert (f"xyz: {REASON}" in printed.stdout) is (found == ["xyz"])


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("abc", "the ids of 2 sessions begin with abc; write more of it"),
        ("abd", "the ids of 2 sessions begin with abd; write more of it"),
        ("night", "the ids of 2 sessions begin with night; write more of it"),
        ("none", "there is no session none"),
        ("", "there is no session ; see: whalefall sessions"),
    ],
)
def test_what_may_mean_several_sessions_or_none_is_refused(whalefall: Run, word: str, said: str) -> None:
    refused = whalefall("sessions", word)
    assert refused.returncode == 2
    assert said in refused.stderr
