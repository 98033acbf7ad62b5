"""Which users of a database are a login of the server, and which are somebody of their own."""

import pytest

from whalefall_pipeline.adapters.sqlserver.rows import UserRow, find_login

SID, OTHER = b"\x01\x02", b"\x03"
USER = UserRow(5, "ana", "S", "SQL_USER", SID, False, "dbo", "INSTANCE", None)


@pytest.mark.parametrize(
    ("user", "login"),
    [
        (USER, "ana_login"),
        (USER._replace(sid=OTHER), None),
        (USER._replace(sid=None, authentication_type="NONE"), None),
        (USER._replace(authentication_type="DATABASE"), None),
        (USER._replace(type="R", type_desc="DATABASE_ROLE"), None),
    ],
    ids=["a login's SID", "another SID", "no SID", "a login's SID, and a password of its own", "a role"],
)
def test_a_user_is_a_login_by_its_sid_unless_the_database_has_its_password(user: UserRow, login: str | None) -> None:
    assert find_login(user, {SID: "ana_login"}) == login
