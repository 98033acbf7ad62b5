"""Measures the questions of effective access as a person asks them: each a process of its own, from start to end."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psycopg

from tests.bench.contents import Held, build_contents
from tests.bench.measuring import create_ledger, start_ledger, sync_once, to_url
from tests.bench.sources import SOURCES
from tests.servers.postgresql import PostgresqlServer

ENGINE = "postgresql"
EACH = 100
"""Accounts of each instance of a fleet."""
START = ("instances", "list", "--limit", "1")
"""A command that asks the ledger next to nothing: what is beyond it is the question's own."""
NOBODY = 1
"""The exit code where nobody can; an answer, too."""
FLEET = """
insert into instances
  (name, db_type, host, port, inventory_read_at, permissions_read_at, server_version, observed_scopes, danger_summary)
select 'fleet ' || n, db_type, host, port, inventory_read_at, permissions_read_at, server_version, observed_scopes,
       danger_summary
from instances, generate_series(2, {instances}) n where id = 1;

create temporary table copies as
select i.id as instance_id, a.id as old, nextval(pg_get_serial_sequence('instance_accounts', 'id')) as new
from instances i, instance_accounts a where a.instance_id = 1 and i.id <> 1 order by 1, 2;

insert into instance_accounts (id, instance_id, username, db_type, kind, created_at, updated_at)
overriding system value
select c.new, c.instance_id, a.username, a.db_type, a.kind, a.created_at, a.updated_at
from copies c join instance_accounts a on a.id = c.old order by c.new;

insert into account_attributes
select c.new, c.instance_id, a.kind, a.attributes, a.valid_from + make_interval(secs => c.instance_id), a.valid_to
from copies c join account_attributes a on a.instance_account_id = c.old order by c.new;

insert into instance_grant
select i.id, g.number, g.privilege, g.effect, g.grant_option, g.scope, g.database_name, g.schema_name, g.object_name,
       g.column_name
from instances i, instance_grant g where g.instance_id = 1 and i.id <> 1 order by 1, 2;

insert into account_holding
select c.new, c.instance_id, h.of_roles, h.grants, h.valid_from + make_interval(secs => c.instance_id), h.valid_to
from copies c join account_holding h on h.instance_account_id = c.old order by c.new;
"""
"""One instance that was synced, so often; each copy has moments of its own, as instances that are read one by one."""


class Asked(NamedTuple):
    """How one question went, over some rounds: seconds beyond the start of a command, of these its CPU, and memory.

    What the ledger's server takes is in the seconds and not in the CPU.
    """

    ledger: str
    question: str
    seconds: Sequence[float]
    cpu: float
    peak_mib: float
    lines: int


def measure_access(accounts: int, instances: int, rounds: int) -> Iterator[Asked]:
    """Yield what was asked of one instance with so many accounts, and of a fleet of small ones."""
    with start_ledger() as ledger, TemporaryDirectory() as home:
        contents = build_contents(accounts)
        url = fill_ledger(ledger, "ledger_one", contents, home)
        user = contents[0]
        questions = {
            "who-can on a table": ("who-can", "SELECT", "ON", f"public.{user.tables[0]}"),
            "who-can on a database (everybody can)": ("who-can", "CONNECT", "ON", "database", "bench_a"),
            "what-can of an account": ("what-can", f"bench-{ENGINE}", user.username),
            "what-can of a superuser": ("what-can", f"bench-{ENGINE}", ledger.superuser),
            "why of an account": ("why", f"bench-{ENGINE}", user.username, "SELECT", "ON", f"public.{user.tables[0]}"),
            "escalations": ("escalations",),
        }
        yield from _measure(f"1 instance, {accounts:,} accounts", url, home, questions, rounds)
        url = fill_ledger(ledger, "ledger_fleet", build_contents(EACH), home)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(FLEET.format(instances=instances).encode())
            connection.execute("vacuum analyze")
        table = build_contents(EACH)[0].tables[0]
        questions = {
            "who-can on a table": ("who-can", "SELECT", "ON", f"public.{table}"),
            "escalations": ("escalations",),
        }
        yield from _measure(f"{instances:,} instances, {EACH} accounts each", url, home, questions, rounds)


def fill_ledger(ledger: PostgresqlServer, database: str, contents: Sequence[Held], home: str) -> str:
    """Make a ledger that holds what a first sync of one server gave, and return its URL."""
    with SOURCES[ENGINE]() as source:
        source.fill(contents)
        create_ledger(ledger, database, source, Path(home))
        sync_once(ledger, database, source, home)
    return to_url(ledger, database)


def _measure(name: str, url: str, home: str, questions: Mapping[str, Sequence[str]], rounds: int) -> Iterator[Asked]:
    variables = {**os.environ, "WHALEFALL_DATABASE_URL": url, "WHALEFALL_HOME": home}
    for question, words in questions.items():
        _run(words, variables)  # the first one finds nothing in the server's memory
        starts, asked = zip(*((_run(START, variables), _run(words, variables)) for _ in range(rounds)), strict=True)
        start, start_cpu = (median(getattr(one, field) for one in starts) for field in ("seconds", "cpu"))
        yield Asked(
            name,
            question,
            [one.seconds - start for one in asked],
            median(one.cpu for one in asked) - start_cpu,
            max(one.peak_mib for one in asked),
            asked[0].lines,
        )


class _Ran(NamedTuple):
    """How one command ran: seconds, those of its own CPU, its peak of memory, and the lines that it printed."""

    seconds: float
    cpu: float
    peak_mib: float
    lines: int


def _run(words: Sequence[str], variables: Mapping[str, str]) -> _Ran:
    begun, before = time.perf_counter(), os.times()
    command = [sys.executable, "-m", "tests.bench.access_child", *words, "--format", "csv"]
    done = subprocess.run(command, env=dict(variables), capture_output=True, text=True, check=False)
    seconds, after = time.perf_counter() - begun, os.times()
    if done.returncode not in (0, NOBODY):
        raise RuntimeError(f"{' '.join(words)} failed: {done.stderr.strip()}")
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return _Ran(seconds, cpu, float(done.stderr.splitlines()[-1]), len(done.stdout.splitlines()) - 1)


def build_access_table(asked: Sequence[Asked]) -> str:
    """Return a row per question, in the order in which they were asked."""
    lines = [
        "| Ledger | Question | Seconds beyond the command's start | Of these CPU of the command | MiB | Rows |",
        "|---|---|--:|--:|--:|--:|",
    ]
    for ledger, question, seconds, cpu, peak, rows in asked:
        spread = f"**{median(seconds):.2f}** ({min(seconds):.2f} to {max(seconds):.2f})"
        lines.append(f"| {ledger} | {question} | {spread} | {cpu:.2f} | {peak:.0f} | {rows:,} |")
    return "\n".join(lines)
