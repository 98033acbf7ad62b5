"""A ledger as 0.2.0 left it: what stands elsewhere now is no change of any account, and no secret stays in clear."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text

from tests.ledger.rows import read
from tests.ledger.test_migrations import upgrade_to
from whalefall_pipeline.core.diff import diff
from whalefall_pipeline.core.model import Account, AccountState, Held, Kind, Securable
from whalefall_pipeline.ledger.changes import read_states
from whalefall_pipeline.ledger.schema import upgrade_ledger

RELEASED = "0003"
FIRST, READ = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 20, tzinfo=UTC)
SERVER, DYNAMIC = Securable("server"), Securable("dynamic")
DSN, PASSWORD = "postgres://u:first-secret@h/d", "second; secret: {it's}"
MOVED = {"default_password_lifetime_days": 0, "activate_all_roles_on_login": True, "partial_revokes": True}
NOT_SHOWN = "(not collected)"


@pytest.fixture
def released(ledger: Engine) -> Engine:
    """An empty ledger with the tables of 0.2.0."""
    with ledger.begin() as connection:
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))
        upgrade_to(connection, RELEASED)
    return ledger


class Rows:
    """Writes rows as 0.2.0 did."""

    def __init__(self, connection: Connection, db_type: str) -> None:
        self._connection = connection
        self._db_type = db_type
        self.instance = self._write(
            "insert into instances (name, db_type, host, port, inventory_read_at, permissions_read_at)"
            " values ('one', :db_type, 'h', 1, :read, :read) returning id",
            db_type=db_type, read=READ,
        )  # fmt: skip

    def account(self, username: str, kind: str, attributes: dict[str, Any], grants: Sequence[tuple[str, ...]]) -> int:
        account = self._write(
            "insert into instance_accounts (instance_id, username, db_type, kind, created_at, updated_at)"
            " values (:instance, :username, :db_type, :kind, :first, :first) returning id",
            username=username, db_type=self._db_type, kind=kind,
        )  # fmt: skip
        self.attributes(account, kind, attributes)
        for privilege, scope, name in grants:
            self._write(
                "insert into account_grant (instance_account_id, instance_id, privilege, effect, grant_option, scope,"
                " database_name, schema_name, object_name, column_name, valid_from)"
                " values (:account, :instance, :privilege, 'grant', false, :scope, '', '', :name, '', :first)",
                account=account, privilege=privilege, scope=scope, name=name,
            )  # fmt: skip
        self._write(
            "insert into account_snapshots (instance_account_id, instance_id, permission_snapshot, permission_facts,"
            " digest, last_change_type, last_change_time)"
            " values (:account, :instance, cast(:document as jsonb), '{}', '', 'add', :first)",
            account=account,
            document=json.dumps({"type_specific": {self._db_type: {"account_kind": kind, **attributes}}}),
        )  # fmt: skip
        return account

    def attributes(self, account: int, kind: str, attributes: dict[str, Any], ended_at: datetime | None = None) -> None:
        self._write(
            "insert into account_attributes (instance_account_id, instance_id, kind, attributes, valid_from, valid_to)"
            " values (:account, :instance, :kind, cast(:attributes as jsonb), :first, :ended_at)",
            account=account, kind=kind, attributes=json.dumps(attributes), ended_at=ended_at,
        )  # fmt: skip

    def log(self, account: int, username: str, message: str, *entries: dict[str, Any]) -> None:
        self._write(
            "insert into account_change_log (instance_id, instance_account_id, db_type, username, change_type,"
            " change_time, session_id, message, other_diff)"
            " values (:instance, :account, :db_type, :username, 'modify_other', :first, 's', :message,"
            " cast(:diff as jsonb))",
            account=account, username=username, db_type=self._db_type, message=message,
            diff=json.dumps({"version": 1, "entries": entries}),
        )  # fmt: skip

    def _write(self, statement: str, **values: object) -> int:
        given = {"instance": getattr(self, "instance", None), "first": FIRST, **values}
        wanted = text(statement)
        found = self._connection.execute(wanted, {name: given[name] for name in wanted.compile().params})
        return int(found.scalar_one()) if found.returns_rows else 0


def read_now(ledger: Engine, account: int) -> AccountState:
    with ledger.connect() as connection:
        return read_states(connection, [account])[account]


def test_what_is_the_servers_own_now_is_no_change_of_mysqls_accounts(released: Engine) -> None:
    own = {"flavour": "mysql", "user": "ann", "host": "%", "account_locked": False, "plugin": "caching_sha2_password"}
    by_hand = [("SELECT", "server", ""), ("HelloWorld", "dynamic", ""), ("role_ADMIN", "dynamic", "")]
    roles = [("MEMBER", "role", "all@%"), ("MANDATORY", "role", "all@%"), ("MEMBER", "role", "both@%")]
    roles += [("GRANTED", "role", "both@%"), ("MANDATORY", "role", "both@%"), ("MEMBER", "role", "own@%")]
    with released.begin() as connection:
        rows = Rows(connection, "mysql")
        ann = rows.account("ann@%", "user", {**own, **MOVED}, [*by_hand, *roles])
        rows.attributes(ann, "user", {**own, **MOVED, "partial_revokes": False}, ended_at=READ)
        role = rows.account("all@%", "role", {"flavour": "mysql"}, [("DEFAULT", "role", "own@%")])
    upgrade_ledger(released)
    members = {Held("MEMBER", Securable("role", object=name)) for name in ("both@%", "own@%")}
    dynamic = {Held(name, DYNAMIC) for name in ("HELLOWORLD", "ROLE_ADMIN")}
    now = AccountState(Account("ann@%", Kind.USER, own), frozenset({Held("SELECT", SERVER), *dynamic, *members}))
    assert not diff(read_now(released, ann), now), "what the first reading of this version gives"
    assert read_now(released, role).held == {Held("DEFAULT", Securable("role", object="own@%"))}
    ended = read(released, "select privilege, object_name, valid_to from account_grant where valid_to is not null")
    assert {(row["privilege"], row["object_name"]) for row in ended} == {
        *(("MANDATORY", name) for name in ("all@%", "both@%")), ("MEMBER", "all@%"), ("GRANTED", "both@%"),
    }  # fmt: skip
    assert {row["valid_to"] for row in ended} == {READ}
    (past,) = read(released, "select attributes from account_attributes where valid_to is not null")
    assert past["attributes"] == {**own, **MOVED, "partial_revokes": False}, "what was stays as it was"
    assert read(released, "select from account_change_log") == []


def test_no_value_of_a_custom_parameter_stays_of_postgresqls_accounts(released: Engine) -> None:
    settings = {"": {"app.dsn": DSN, "work_mem": "9MB", "app.known": NOT_SHOWN}, "shop": {"app.pwd": PASSWORD}}
    older = {"": {"app.dsn": PASSWORD}}
    with released.begin() as connection:
        rows = Rows(connection, "postgresql")
        web = rows.account("web", "user", {"rolcanlogin": True, "settings": settings}, [])
        rows.attributes(web, "user", {"rolcanlogin": True, "settings": older}, ended_at=READ)
        public = rows.account("public", "public", {"settings": older}, [])
        rows.account("plain", "user", {"settings": {"": {"work_mem": "9MB"}}}, [])
        changed = {"field": "settings", "before": older, "after": settings}
        limited = {"field": "rolconnlimit", "before": -1, "after": 3}
        rows.log(web, "web", f"rolconnlimit: -1 -> 3; settings: {older} -> {settings}", limited, changed)
        rows.log(web, "web", f"settings: none -> {older}", {**changed, "before": None, "after": older})
        rows.log(web, "web", "settings: {'': {'work_mem': '9MB'}} -> none",
                 {**changed, "before": {"": {"work_mem": "9MB"}}, "after": None})  # fmt: skip
        rows.log(web, "web", "rolconnlimit: -1 -> 3", limited)
    upgrade_ledger(released)
    shown = {"": {"app.dsn": NOT_SHOWN, "work_mem": "9MB", "app.known": NOT_SHOWN}, "shop": {"app.pwd": NOT_SHOWN}}
    older_shown = {"": {"app.dsn": NOT_SHOWN}}
    assert read_now(released, web).account.attributes["settings"] == shown
    assert read_now(released, public).account.attributes == {}, "the instance's own now"
    (past,) = read(released, "select attributes from account_attributes where valid_to is not null")
    assert past["attributes"]["settings"] == older_shown
    log = read(released, "select message, other_diff from account_change_log order by id")
    assert [row["message"] for row in log] == [
        "rolconnlimit: -1 -> 3; settings: changed; values of custom parameters are not kept",
        "settings: changed; values of custom parameters are not kept",
        "settings: {'': {'work_mem': '9MB'}} -> none",
        "rolconnlimit: -1 -> 3",
    ]
    assert log[0]["other_diff"]["entries"] == [limited, {**changed, "before": older_shown, "after": shown}]
    everything = "account_attributes", "account_snapshots", "account_change_log"
    rows_as_text = str([read(released, f"select t::text from {table} t") for table in everything])
    assert not [secret for secret in ("first-secret", "second", PASSWORD) if secret in rows_as_text]
    assert rows_as_text.count("9MB") == 7


def test_who_took_an_alert_and_waivers_without_a_ticket_are_kept(ledger: Engine) -> None:
    with ledger.begin() as connection:
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))
        upgrade_to(connection, "0010")
        connection.execute(
            text(
                "insert into alert (key, kind, instance_id, session_id, payload, message_key, attempts, sent_to) values"
                " ('a', 'scope_lost', 1, 's', '{}', 's/1', 2, '{one}'),"
                " ('b', 'scope_lost', 1, 's', '{}', 's/1', 2, '{one}'),"
                " ('c', 'scope_lost', 1, 's', '{}', 's/2', 1, '{}'),"
                " ('d', 'scope_lost', 1, 's', '{}', null, 0, '{}')"
            )
        )
        connection.execute(
            text(
                "insert into waiver (rule_id, reason, ticket, created_by, expires_at)"
                " select 'ALL-01', 'r', t, 'e', now() + interval '1 day' from unnest(array[null, '', 'OPS-7']) as t"
            )
        )
    upgrade_ledger(ledger)
    taken = read(ledger, "select message_key, target, attempts from alert_delivery where taken_at is not null")
    assert taken == [{"message_key": "s/1", "target": "one", "attempts": 3}]
    tickets = [row["ticket"] for row in read(ledger, "select ticket from waiver order by id")]
    assert tickets == ["not given", "not given", "OPS-7"]


def test_another_index_writes_no_row_of_findings(ledger: Engine) -> None:
    with ledger.begin() as connection:
        connection.execute(text("drop schema public cascade"))
        connection.execute(text("create schema public"))
        upgrade_to(connection, "0018")
        connection.execute(
            text(
                "insert into finding (instance_id, rule_id, username, object, outcome, severity, title, message,"
                " detail, opened_at, closed_at, opened_in)"
                " select 1, 'ALL-01', 'ann@%', '', 'found', 'low', '', '', '{}', now(), closed_at, 's'"
                " from unnest(array[null, now()]) as closed_at"
            )
        )
    versions = "select ctid, xmin, * from finding order by ctid"
    before = read(ledger, versions)
    upgrade_ledger(ledger)
    assert len(before) == 2
    assert read(ledger, versions) == before
