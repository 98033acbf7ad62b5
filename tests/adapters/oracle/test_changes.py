"""What makes and changes one Oracle account, by what it is; what is made elsewhere is a comment."""

import pytest

from whalefall_pipeline.adapters.oracle.script import build_change
from whalefall_pipeline.core.model import Account, AccountState, Attributes, Json, Kind

BEGIN = "SET DEFINE OFF;"
LATER = '-- ALTER USER "ANA" IDENTIFIED BY <password>'


def _state(attributes: Attributes) -> AccountState:
    return AccountState(Account("ANA", Kind.USER, attributes))


@pytest.mark.parametrize(
    ("attributes", "lines"),
    [
        ({"password_file_only": True}, ["-- ANA is known to the password file only"]),
        ({"inherited": True}, ["-- ANA comes from its application root"]),
        ({"common": True}, ["-- ANA is common: make it in the root of the container database"]),
        (
            {"common": True, "container": "CDB$ROOT"},
            [
                BEGIN,
                'ALTER SESSION SET CONTAINER = "CDB$ROOT";',
                'CREATE USER "ANA" NO AUTHENTICATION CONTAINER=ALL;',
                LATER,
            ],
        ),
        (
            {"authentication_type": "NONE", "proxy_only_connect": True},
            [BEGIN, 'CREATE USER "ANA" NO AUTHENTICATION;', 'ALTER USER "ANA" PROXY ONLY CONNECT;'],
        ),
        (
            {"account_status": "EXPIRED & LOCKED"},
            [BEGIN, 'CREATE USER "ANA" NO AUTHENTICATION ACCOUNT LOCK;', f"{LATER} PASSWORD EXPIRE"],
        ),
    ],
)
def test_an_account_is_made_where_it_belongs_and_without_a_password(
    attributes: dict[str, Json], lines: list[str]
) -> None:
    assert build_change(None, _state(attributes)) == lines


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        ("OPEN", "OPEN", []),
        ("OPEN", "LOCKED", [BEGIN, 'ALTER USER "ANA" ACCOUNT LOCK;']),
        ("LOCKED", "OPEN", [BEGIN, 'ALTER USER "ANA" ACCOUNT UNLOCK;']),
        ("LOCKED", "LOCKED(TIMED)", []),
        ("OPEN", "EXPIRED", [BEGIN, 'ALTER USER "ANA" PASSWORD EXPIRE;']),
        ("EXPIRED", "OPEN", [LATER]),  # only another password ends that
        (
            "OPEN",
            "EXPIRED & LOCKED",
            [BEGIN, 'ALTER USER "ANA" ACCOUNT LOCK;', 'ALTER USER "ANA" PASSWORD EXPIRE;'],
        ),
    ],
)
def test_a_status_is_changed_by_its_parts(before: str, after: str, lines: list[str]) -> None:
    assert build_change(_state({"account_status": before}), _state({"account_status": after})) == lines


def test_an_account_that_goes_is_dropped_and_one_that_never_was_needs_nothing() -> None:
    assert build_change(_state({}), None) == [BEGIN, 'DROP USER "ANA";']
    assert build_change(None, None) == []
