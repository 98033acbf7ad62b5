"""The views that people query by hand."""

from sqlalchemy import Engine, text

from tests.engines.scripted import Fleet, role, user
from tests.ledger.rows import read
from whalefall_pipeline.core.model import Grant, Securable

READERS, WRITERS = Securable("role", object="readers"), Securable("role", object="writers")


def test_memberships_have_their_options(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts = [user("ana"), role("readers"), role("writers")]
    fleet.adapter.grants = [
        *(Grant("ana", option, READERS) for option in ("INHERIT", "SET")),
        Grant("ana", "MEMBER", READERS, True),
        Grant("ana", "MEMBER", WRITERS),
    ]
    fleet.sync()
    columns = "member, role, admin_option, options, inherit_option, set_option"
    rows = read(ledger, f"select {columns} from current_memberships order by role")
    assert [tuple(row.values()) for row in rows] == [
        ("ana", "readers", True, ["INHERIT", "SET"], True, True),
        ("ana", "writers", False, [], False, False),
    ]


def test_records_of_earlier_versions_read_as_those_of_this_one(fleet: Fleet, ledger: Engine) -> None:
    fleet.adapter.accounts = [user("ana")]
    fleet.sync()
    fleet.sync()
    old = """{"version": "PostgreSQL 15", "statements": 9, "attempts": 1, "inventory": true, "permissions": false,
              "coverage": {}, "accounts_not_observed": 2, "grants_without_account": 3, "grants": 4}"""
    with ledger.begin() as connection:
        connection.execute(
            text("update sync_instance_records set sync_details = cast(:old as jsonb) where id = 1"), {"old": old}
        )
    columns = (
        "server_version, statements, inventory, permissions, accounts_not_observed, grants, grants_without_account"
    )
    rows = read(ledger, f"select {columns} from record_details order by record_id")
    assert [tuple(row.values()) for row in rows] == [
        ("PostgreSQL 15", 9, True, False, 2, 4, 3),
        ("Scripted 1.0", 2, True, True, 0, 0, 0),
    ]
