"""What a refusal means: final where it was about the login, transient where nothing was decided about it.

The codes are those of Oracle's Database Error Messages, and the driver's own (python-oracledb, `errors.py`).
"""

from types import SimpleNamespace

import oracledb
import pytest

from whalefall_pipeline.adapters.oracle.errors import (
    LISTENER_FINAL,
    LOGIN_REFUSED,
    LOST,
    NOT_YET,
    TIMED_OUT,
    UNUSABLE,
    is_lost,
    to_connection_error,
    to_lost_error,
    to_observation,
)
from whalefall_pipeline.adapters.oracle.options import Endpoint
from whalefall_pipeline.core.model import Seen

TARGET = Endpoint("db.example", 1521, "whalefall", "s3cret", service_name="SALES")
FINAL = [
    "ORA-01005", "ORA-01017", "ORA-01031", "ORA-01040", "ORA-01045", "ORA-28000", "ORA-28001", "ORA-28009", "ORA-28030",
    "ORA-28032", "ORA-28040", "ORA-28051", "ORA-28052", "ORA-28053", "ORA-28054", "ORA-28150", "ORA-28183", "ORA-28272",
    "ORA-28273", "ORA-28274", "ORA-65162", "ORA-12660", "ORA-00604", "ORA-04088", "ORA-20001", "ORA-99999",
    "DPY-3015", "DPY-4001", "DPY-6008", "DPY-2031", "DPY-2033", "DPY-3001", "DPY-9999",
]  # fmt: skip
TRANSIENT = [
    "ORA-00018", "ORA-00019", "ORA-00020", "ORA-00257", "ORA-01033", "ORA-01034", "ORA-01035", "ORA-01089", "ORA-01090",
    "ORA-01109", "ORA-02391", "ORA-03113", "ORA-03114", "ORA-03135", "ORA-03136", "ORA-04031", "ORA-12170", "ORA-12514",
    "ORA-12516", "ORA-12519", "ORA-12520", "ORA-12537", "ORA-12541", "ORA-12757", "ORA-16456", "DPY-4011", "DPY-6001",
    "DPY-6003",
]  # fmt: skip


def make_error(code: str, text: str = "") -> oracledb.DatabaseError:
    return oracledb.DatabaseError(SimpleNamespace(full_code=code, __str__=lambda: text))


@pytest.mark.parametrize("code", FINAL)
def test_a_refused_login_is_never_tried_again(code: str) -> None:
    error = to_connection_error(TARGET, 10, make_error(code))
    assert not error.transient
    assert code in str(error)
    assert "s3cret" not in str(error)


@pytest.mark.parametrize("code", TRANSIENT)
def test_what_passes_by_itself_is_tried_again(code: str) -> None:
    error = to_connection_error(TARGET, 10, make_error(code))
    assert error.transient
    assert "ORA-" in str(error) or "DPY-" in str(error)


@pytest.mark.parametrize(
    ("code", "transient"),
    [
        *((code, True) for code in ("12516", "12519", "12520", "12521", "12526", "12528")),
        *((code, False) for code in ("12502", "12504", "12529", "12546")),
    ],
)
def test_a_listener_refuses_for_now_or_for_good(code: str, transient: bool) -> None:
    class RefusalError(Exception):
        full_code = "DPY-6000"

        def __str__(self) -> str:
            return f"DPY-6000: Listener refused connection. (Similar to ORA-{code})"

    error = to_connection_error(TARGET, 10, oracledb.OperationalError(RefusalError()))
    assert error.transient is transient
    assert f"ORA-{code}" in str(error)


def test_no_code_is_both() -> None:
    refused = [*LOGIN_REFUSED, *UNUSABLE, *NOT_YET]
    assert len(refused) == len(set(refused))
    assert not LISTENER_FINAL.keys() & NOT_YET.keys()
    assert not LOST & TIMED_OUT


@pytest.mark.parametrize("code", ["ORA-00054", "ORA-04021", "ORA-30006", "ORA-02049", "ORA-00051", *sorted(TIMED_OUT)])
def test_a_lock_or_a_slow_view_times_out_alone(code: str) -> None:
    assert not is_lost(make_error(code))
    found = to_observation(["DBA_TAB_PRIVS"], code)
    assert found.status is Seen.TIMED_OUT
    assert "DBA_TAB_PRIVS" in found.reason


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (make_error("DPY-4011"), "DPY-4011"),
        (ConnectionRefusedError(), "the connection is refused; is the listener up on this port?"),
        (ConnectionResetError(104, "Connection reset by peer"), "Connection reset by peer"),
        (EOFError(), "EOFError"),
    ],
    ids=["code", "refused", "system", "neither"],
)
def test_a_lost_connection_says_by_what_it_was_lost(error: BaseException, words: str) -> None:
    found = to_lost_error(TARGET, error)
    assert found.transient
    assert str(found) == f"{TARGET}: the connection was lost ({words})"
