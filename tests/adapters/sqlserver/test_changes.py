"""What changes one SQL Server account into another, and what no statement can; rows that are not understood."""

import pytest

from whalefall_pipeline.adapters.sqlserver.rows import PermissionRow, to_permissions
from whalefall_pipeline.adapters.sqlserver.script import build_change
from whalefall_pipeline.adapters.sqlserver.securables import DATABASE_USER, MAPPED, OWNER
from whalefall_pipeline.core.errors import SyncDataError
from whalefall_pipeline.core.model import Account, AccountState, Attributes, Grant, Held, Kind, Securable

LOGIN, USER = "ana", "[shop].[ana]"


def _state(username: str, attributes: Attributes, *held: Held) -> AccountState:
    return AccountState(Account(username, Kind.USER, attributes), frozenset(held))


@pytest.mark.parametrize(
    ("username", "before", "after", "lines"),
    [
        (LOGIN, {"is_disabled": False}, {"is_disabled": True}, ["USE [master]", "ALTER LOGIN [ana] DISABLE"]),
        (LOGIN, {"is_disabled": True}, {"is_disabled": False}, ["USE [master]", "ALTER LOGIN [ana] ENABLE"]),
        (
            LOGIN,
            {"default_database": "a", "is_policy_checked": True},
            {"default_database": "b]", "is_policy_checked": False},
            [
                "USE [master]",
                "ALTER LOGIN [ana] WITH DEFAULT_DATABASE = [b]]]",
                "ALTER LOGIN [ana] WITH CHECK_POLICY = OFF",
            ],
        ),
        (
            USER,
            {"default_schema": "dbo"},
            {"default_schema": "App"},
            ["USE [shop]", "ALTER USER [ana] WITH DEFAULT_SCHEMA = [App]"],
        ),
        (LOGIN, {"sid": "0x01"}, {"sid": "0x02"}, ["-- sid of [ana] is the server's to set: '0x01' becomes '0x02'"]),
        (LOGIN, {"is_disabled": True}, {"is_disabled": True}, []),
    ],
)
def test_what_an_account_is_set_to_is_changed_where_a_statement_can(
    username: str, before: Attributes, after: Attributes, lines: list[str]
) -> None:
    assert build_change(_state(username, before), _state(username, after)) == lines


def test_an_account_that_is_not_there_before_and_after_needs_no_statement() -> None:
    assert build_change(None, None) == []


def test_the_owner_of_a_database_is_mapped_to_dbo_by_no_statement() -> None:
    mapped = Held(MAPPED, Securable(DATABASE_USER, "shop", object="dbo"))
    for before, after in (((), (mapped,)), ((mapped,), ())):
        assert build_change(_state(LOGIN, {}, *before), _state(LOGIN, {}, *after)) == []


def test_what_only_its_creator_owns_is_a_comment() -> None:
    owned = Held(OWNER, Securable("database_scoped_credential", "shop", object="key"))
    (line,) = build_change(_state(USER, {}), _state(USER, {}, owned))
    assert line == "-- grant OWNER on database_scoped_credential shop.key: whoever creates it owns it"


ROW = PermissionRow(0, "DATABASE", 0, 0, 5, "CONNECT", "G", None, None, None, None)


def test_a_permission_of_nobody_known_is_left_out_and_one_in_an_unknown_state_ends_the_reading() -> None:
    assert to_permissions([ROW, ROW._replace(grantee_id=6)], "shop", {5: USER}) == {
        Grant(USER, "CONNECT", Securable("database", "shop"))
    }
    for database, place in (("shop", "shop"), ("", "server")):
        with pytest.raises(SyncDataError, match=f"{place}: permission 'CONNECT' has state 'X'"):
            to_permissions([ROW._replace(state="X")], database, {5: USER})
