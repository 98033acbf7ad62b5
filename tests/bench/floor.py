"""The floor: the least that a script can do to bring a server's accounts into tables of a ledger's kind.

Fetch the same catalog rows in bulk, build one JSON document an account, COPY it all into a temporary table, upsert
set-wise. No interval, no fact, no log, no error of one scope, no deadline: what a sync adds is measured against this.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import psycopg

from tests.bench.child import Ran
from tests.bench.floor_reading import READERS, Read
from whalefall_pipeline.core.model import Instance, Login

TABLES = """
create schema if not exists floor;
create table if not exists floor.accounts (
  id bigint generated always as identity primary key, instance_id bigint not null, username text not null,
  is_active boolean not null default true, created_at timestamptz not null, updated_at timestamptz not null,
  unique (instance_id, username));
create index if not exists accounts_updated on floor.accounts (instance_id, updated_at);
create table if not exists floor.permissions (
  account_id bigint primary key, instance_id bigint not null, snapshot jsonb not null,
  changed_at timestamptz not null);
create index if not exists permissions_instance on floor.permissions (instance_id);
"""
INCOMING = "create temporary table incoming (username text not null, snapshot jsonb not null) on commit drop"
COPY = "copy incoming (username, snapshot) from stdin"
MERGE = (
    "analyze incoming",
    """
    insert into floor.accounts (instance_id, username, created_at, updated_at)
    select 1, username, now(), now() from incoming
    on conflict (instance_id, username) do update set is_active = true, updated_at = now()
    where not accounts.is_active
    """,
    """
    update floor.accounts a set is_active = false, updated_at = now()
    where a.instance_id = 1 and a.is_active and not exists (select from incoming i where i.username = a.username)
    """,
    """
    insert into floor.permissions (account_id, instance_id, snapshot, changed_at)
    select a.id, 1, i.snapshot, now() from incoming i
    join floor.accounts a on a.instance_id = 1 and a.username = i.username
    on conflict (account_id) do update set snapshot = excluded.snapshot, changed_at = excluded.changed_at
    where permissions.snapshot is distinct from excluded.snapshot
    """,
)


def create_tables(ledger: str) -> None:
    with psycopg.connect(ledger, autocommit=True) as connection:
        connection.execute(TABLES)


def run(request: dict[str, Any]) -> Ran:
    """Bring the accounts into the tables."""
    instance, login = Instance(**request["instance"]), Login(**request["login"])
    read = READERS[instance.db_type](instance, login)
    write(read, request["ledger"])
    return Ran(read.statements)


def write(read: Read, ledger: str) -> None:
    """Upsert a source's accounts into the ledger at a connection string, in one transaction."""
    documents: dict[str, Any] = {
        username: {"attributes": given, "grants": {}} for username, given in read.attributes.items()
    }
    for grantee, scope, path, privilege, option in read.grants:
        held = documents[grantee]["grants"].setdefault(scope, {}).setdefault(path, [])
        held.append(f"{privilege} WITH GRANT OPTION" if option else privilege)
    with psycopg.connect(ledger) as connection:
        connection.execute(INCOMING)
        with connection.cursor().copy(COPY) as copy:
            for line in _to_lines(documents):
                copy.write_row(line)
        for statement in MERGE:
            connection.execute(statement)


def _to_lines(documents: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for username, document in documents.items():
        for paths in document["grants"].values():
            for privileges in paths.values():
                privileges.sort()
        yield username, orjson.dumps(document, option=orjson.OPT_SORT_KEYS).decode()
