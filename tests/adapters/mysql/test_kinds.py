"""Whether a row of MySQL's mysql.user is a login or a role, where parts of it are null or not shown: no server."""

import pytest

from whalefall_pipeline.adapters.mysql.mysql import UserRow, to_account, to_common
from whalefall_pipeline.core.model import Kind

ROW = UserRow._make([None] * len(UserRow._fields))._replace(mask="", locked=1, expired=1)


@pytest.mark.parametrize(
    ("row", "hidden", "kind"),
    [
        (ROW._replace(has_secret=0), (), Kind.ROLE),
        (ROW._replace(has_secret=1), (), Kind.USER),
        (ROW._replace(has_secret=0, locked=0), (), Kind.USER),
        (ROW, (), Kind.ROLE),
        (ROW, ("authentication_string",), Kind.USER),
    ],
    ids=["no secret", "a secret", "not locked", "written by hand", "not shown"],
)
def test_what_no_login_can_use_is_a_role_and_what_may_be_either_is_not_said(
    row: UserRow, hidden: tuple[str, ...], kind: Kind
) -> None:
    account = to_account("ann", "%", None, to_common(row, hidden))
    assert (account.username, account.kind) == ("ann@%", kind)
    assert ("account_kind" in account.unseen) is bool(hidden)
