"""The definitions in a project of somebody else's: beside what it has, under its names, with its executor."""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

from collections.abc import Iterator
from typing import Any

import dagster as dg
import psycopg
import pytest
from sqlalchemy import Engine

from tests.ledger.rows import read
from tests.servers.postgresql import PostgresqlServer
from whalefall_pipeline import build_defs
from whalefall_pipeline.core.model import Instance
from whalefall_pipeline.core.runs import PARTITIONS_NAME, SYNC_JOB
from whalefall_pipeline.defs.resources import LEDGER, LedgerResource
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import write_instance
from whalefall_pipeline.settings import get_settings

# It reads its resources in an old way of pydantic's.
pytestmark = pytest.mark.filterwarnings("ignore:The `__fields__` attribute")
KEYS = {dg.AssetKey(["security", "databases", name]) for name in ("instance_accounts", "account_permissions")}


class RefusingIO(dg.InMemoryIOManager):
    """The project's own I/O, which nothing of ours goes through."""

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        raise AssertionError(f"{context.step_key} wrote {obj!r}")


@dg.asset
def orders() -> None:
    """Stands for what the project has."""


def merge(**named: Any) -> dg.Definitions:
    """Return the definitions of a project that has an executor, a log and resources by the commonest names."""
    taken = {name: dg.ResourceDefinition.none_resource() for name in ("ledger", "mysql", "oracle", "postgresql")}
    own = dg.Definitions(
        assets=[orders],
        executor=dg.multiprocess_executor,
        loggers={"console": dg.json_console_logger},
        resources={**taken, "io_manager": RefusingIO()},
    )
    return dg.Definitions.merge(own, build_defs(**named))


def test_they_merge_under_a_prefix_with_group_owners_tags_and_a_link() -> None:
    defs = merge(
        key_prefix=["security", "databases"],
        group_name="security",
        owners=["dba@example.com", "team:security"],
        tags={"tier": "gold"},
        docs_url="https://wiki.example/accounts",
        schedule="15 4 * * *",
        timezone="Europe/Berlin",
    )
    specs = [spec for spec in defs.resolve_all_asset_specs() if spec.key != orders.key]
    assert {spec.key for spec in specs} == KEYS
    for spec in specs:
        assert (spec.group_name, list(spec.owners)) == ("security", ["dba@example.com", "team:security"])
        assert spec.tags["tier"] == "gold"
        assert spec.metadata["docs"] == dg.MetadataValue.url("https://wiki.example/accounts")
    checks = defs.resolve_asset_graph().asset_check_keys
    assert {key.asset_key for key in checks} == {dg.AssetKey(["security", "databases", "account_permissions"])}
    schedule = defs.get_repository_def().get_schedule_def("daily_sync")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("15 4 * * *", "Europe/Berlin")


def test_the_jobs_run_in_one_process_whatever_the_project_runs_by() -> None:
    defs = merge()
    assert defs.executor is dg.multiprocess_executor
    for name in (SYNC_JOB, "clean_up"):
        assert defs.resolve_job_def(name).executor_def.name == "in_process"


def test_a_resource_of_the_projects_own_takes_the_place_of_ours() -> None:
    own = LedgerResource()
    assert (merge(resources={LEDGER: own}).resources or {})[LEDGER] is own


@pytest.fixture
def known_ledger(ledger: Engine, ledger_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[Engine]:
    monkeypatch.setenv("WHALEFALL_DATABASE_URL", ledger_url)
    monkeypatch.setenv("WHALEFALL_HOME", str(tmp_path))
    get_settings.cache_clear()
    yield ledger
    get_settings.cache_clear()


def test_a_run_of_the_project_syncs_and_its_events_have_the_projects_keys(
    known_ledger: Engine, ledger_server: PostgresqlServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EMBEDDED_TEST_PASSWORD", ledger_server.password)
    with psycopg.connect(ledger_server.conninfo(), autocommit=True) as connection:
        connection.execute("drop role if exists ana")
        connection.execute("create role ana")
    with known_ledger.connect() as connection, transaction(connection):
        shop = Instance(0, "shop", "postgresql", ledger_server.host, ledger_server.port, "postgres")
        write_instance(connection, shop, username=ledger_server.superuser, secret="env:EMBEDDED_TEST_PASSWORD")
    defs = merge(key_prefix=["security", "databases"])
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(PARTITIONS_NAME, ["shop"])
        ran = defs.resolve_job_def(SYNC_JOB).execute_in_process(instance=instance, partition_key="shop")
        assert ran.success
        for key in KEYS:
            (record,) = instance.fetch_materializations(key, limit=10).records
            assert record.partition_key == "shop"
        cleaned = defs.resolve_job_def("clean_up").execute_in_process(instance=instance)
        assert cleaned.success
    assert {check.asset_key.path[0] for check in ran.get_asset_check_evaluations()} == {"security"}
    assert read(known_ledger, "select kind from instance_accounts where username = 'ana'") == [{"kind": "role"}]
