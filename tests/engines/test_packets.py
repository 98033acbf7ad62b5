"""Whatever happens to any packet of a sync, its record says so, nothing partial is kept, and the next sync is right."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from tests.engines.engine import ACCOUNT, Server
from tests.engines.packets import KINDS, Fault, Proxy, open_proxies
from tests.engines.registry import find_starter
from tests.ledger.rows import read
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import write_instance
from whalefall_pipeline.ledger.secrets import SecretStore
from whalefall_pipeline.ledger.sessions import SessionStart, open_session
from whalefall_pipeline.sync.plan import Collector, Plan
from whalefall_pipeline.sync.session import run_session

CODES = {"DATABASE_CONNECTION_ERROR", "SYNC_DATA_ERROR"}
DELAYED_SECONDS, PATIENT_SECONDS = 1.0, 120.0
HEALED = {"sqlserver": 4}
"""Every which instance is synced at last: the stand-in takes half a second for each."""
RECORDS = """
select i.name, r.status, r.error_code, r.error_message, r.sync_details -> 'coverage' as coverage,
       (select count(*) from instance_accounts a where a.instance_id = i.id) as accounts,
       (select count(*) from account_snapshots s where s.instance_id = i.id) as snapshots,
       (select md5(string_agg(p.username || p.permission_snapshot::text, '' order by p.username))
        from account_permission p where p.instance_id = i.id) as holds
from sync_instance_records r join instances i on i.id = r.instance_id
where r.sync_session_id = :session_id order by i.id
"""


def sync(ledger: Engine, store: SecretStore, server: Server, instances: Sequence[Instance], seconds: float) -> str:
    """Sync instances in a session of their own, and return its id."""
    session_id = str(uuid4())
    with ledger.connect() as connection, transaction(connection):
        open_session(connection, SessionStart(session_id, "manual_batch", None, "test"), instances)
    collectors = {instances[0].db_type: Collector(server.adapter, Limits(connect_seconds=seconds))}
    plan = Plan(session_id, ledger, collectors, store, parallelism=24, attempts=1, instance_seconds=seconds)
    run_session(plan, instances, lambda _: None)
    return session_id


def register(ledger: Engine, store: SecretStore, server: Server, proxies: Sequence[Proxy]) -> list[Instance]:
    """Register an instance behind each proxy; no two are named alike, though a port may be given twice."""
    secret = store.encrypt(server.login.password)
    with ledger.connect() as connection, transaction(connection):
        return [
            write_instance(
                connection,
                replace(server.instance, id=0, name=f"{number} of {len(proxies)}", host="127.0.0.1", port=proxy.port),
                username=server.login.username,
                secret=secret,
            )
            for number, proxy in enumerate(proxies)
        ]


@pytest.mark.parametrize("engine", ["postgresql-18", "mariadb", "mysql", "sqlserver"])
def test_every_fault_at_every_packet(engine: str, ledger: Engine, tmp_path: Path) -> None:
    """One instance for each packet has every fault there, one sync after the other, and is whole at the next."""
    store = SecretStore(tmp_path)
    with find_starter(engine)() as server:
        server.reset()
        server.prepare()
        server.create_accounts([ACCOUNT])
        target = (server.instance.host, server.instance.port)

        with open_proxies(target, 1) as whole:
            instances = register(ledger, store, server, whole)
            session_id = sync(ledger, store, server, instances, PATIENT_SECONDS)
            (reference,) = read(ledger, RECORDS, session_id=session_id)
            assert reference["status"] == "completed", reference
            packets = whole[0].received
        assert packets > 10

        with open_proxies(target, packets) as proxies:
            instances, held = register(ledger, store, server, proxies), dict[str, object]()
            for kind in KINDS:
                for number, proxy in enumerate(proxies):
                    proxy.start_over(Fault(kind, number))
                session_id = sync(ledger, store, server, instances, DELAYED_SECONDS)
                said = read(ledger, RECORDS, session_id=session_id)
                check_faulty(said, reference, held, of_databases=engine == "sqlserver")
                held |= {row["name"]: row["holds"] for row in said}
            for proxy in proxies:
                proxy.start_over()
            session_id = sync(ledger, store, server, instances[:: HEALED.get(engine, 1)], PATIENT_SECONDS)
            check_healed(read(ledger, RECORDS, session_id=session_id), reference)
    assert read(ledger, "select change_type from account_change_log where change_type = 'delete'") == []


def check_faulty(
    said: Sequence[Mapping[str, Any]], reference: Mapping[str, Any], held: Mapping[str, object], *, of_databases: bool
) -> None:
    """Check what failed; `of_databases`: some accounts are a database's, and not there while it was never seen."""
    assert any(row["status"] == "failed" for row in said)
    for row in said:
        if row["status"] == "completed":
            unseen = [scope for scope, seen in row["coverage"].items() if seen["status"] != "observed"]
            assert unseen or row["holds"] == reference["holds"], row
            continue
        assert (row["status"], row["error_code"] in CODES) == ("failed", True), row
        assert row["error_message"], row
        assert row["holds"] == held.get(row["name"]), row
        assert of_databases or row["accounts"] in (0, reference["accounts"]), row
        assert of_databases or row["snapshots"] in (0, reference["snapshots"]), row


def check_healed(said: Sequence[Mapping[str, Any]], reference: Mapping[str, Any]) -> None:
    for row in said:
        assert (row["status"], row["holds"]) == ("completed", reference["holds"]), row
