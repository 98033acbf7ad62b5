"""What the definitions hold: a change of the graph shows in review, and loading them prints nothing."""

import subprocess
import sys
from datetime import timedelta
from typing import cast

import dagster as dg
import pytest
from sqlalchemy import Engine

from tests.ledger.rows import read
from whalefall_pipeline.core.sessions import SYNC_TYPE_TAG
from whalefall_pipeline.definitions import defs
from whalefall_pipeline.defs.alerts import choose_status
from whalefall_pipeline.defs.partitions import diff_partitions

COLUMNS = """
select attname, case typname when 'timestamptz' then typname else format_type(atttypid, null) end as kind
from pg_attribute join pg_type t on t.oid = atttypid
where attrelid = '{}'::regclass and attnum > 0 order by attnum
"""


def test_the_definitions_are_these() -> None:
    repository = defs.get_repository_def()
    graph = defs.resolve_asset_graph()
    assets = {
        key.to_user_string(): sorted(parent.to_user_string() for parent in graph.get(key).parent_keys)
        for key in graph.get_all_asset_keys()
    }
    assert assets == {"instance_accounts": [], "account_permissions": ["instance_accounts"]}
    assert {str(key) for key in graph.asset_check_keys} == {
        str(dg.AssetCheckKey(dg.AssetKey("account_permissions"), name))
        for name in (
            "every_scope_observed",
            "no_critical_findings",
            "no_high_findings",
            "no_medium_findings",
            "no_low_findings",
        )
    }
    for key in graph.get_all_asset_keys():
        policy = cast("dg.FreshnessPolicy", graph.get(key).freshness_policy_or_from_metadata)
        assert policy == dg.FreshnessPolicy.time_window(timedelta(hours=50), timedelta(hours=25))
    jobs = sorted(job.name for job in repository.get_all_jobs() if not job.name.startswith("__"))
    assert jobs == ["clean_up", "sync_instances"]
    schedules = {
        item.name: (item.cron_schedule, item.execution_timezone, item.default_status.value)
        for item in repository.schedule_defs
    }
    assert schedules == {
        "daily_sync": ("0 3 * * *", "UTC", "STOPPED"),
        "daily_clean_up": ("30 2 * * *", "UTC", "RUNNING"),
    }
    sensors = {item.name: (item.minimum_interval_seconds, item.default_status.value) for item in repository.sensor_defs}
    assert sensors == {
        "instance_partitions": (10, "RUNNING"),
        "changed_instances": (10, "STOPPED"),
        "session_ends": (5, "RUNNING"),
        "alerts": (15, "STOPPED"),
    }


def test_what_people_see_of_the_assets_is_this() -> None:
    specs = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
    seen = {
        name: (spec.group_name, sorted(spec.kinds), spec.owners, dict(spec.tags), spec.metadata["dagster/table_name"])
        for name, spec in specs.items()
    }
    tags = {"domain": "database_access", "dagster/kind/postgres": ""}
    assert seen == {
        "instance_accounts": ("accounts", ["postgres"], [], tags, "instance_accounts"),
        "account_permissions": ("accounts", ["postgres"], [], tags, "account_permission"),
    }


def test_the_resources_are_these() -> None:
    assert sorted(defs.resources or {}) == [
        "io_manager",
        "whalefall_ledger",
        "whalefall_mysql",
        "whalefall_oracle",
        "whalefall_postgresql",
        "whalefall_sqlserver",
    ]


@pytest.mark.parametrize("table", ["instance_accounts", "account_permission"])
def test_the_columns_that_dagster_shows_are_those_of_the_ledger(table: str, ledger: Engine) -> None:
    (spec,) = [item for item in defs.resolve_all_asset_specs() if item.metadata["dagster/table_name"] == table]
    shown = spec.metadata["dagster/column_schema"]
    assert [(column.name, column.type) for column in shown.columns] == [
        (row["attname"], row["kind"]) for row in read(ledger, COLUMNS.format(table))
    ]


@pytest.mark.parametrize(
    ("name", "value"), [("WHALEFALL_ALERT_URLS", "json://localhost"), ("WHALEFALL_ALERT_URLS_FILE", "/targets")]
)
def test_alerts_are_looked_for_where_somebody_is_to_be_told(name: str, value: str) -> None:
    assert choose_status({name: value}) is dg.DefaultSensorStatus.RUNNING
    assert choose_status({name: ""}) is dg.DefaultSensorStatus.STOPPED


def test_loading_them_prints_nothing() -> None:
    command = [sys.executable, "-c", "import whalefall_pipeline.definitions"]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (loaded.stdout, loaded.stderr) == ("", "")


def test_partitions_to_add_and_to_delete() -> None:
    assert diff_partitions(["a", "b"], ["b", "d", "c"]) == (["c", "d"], ["a"])
    assert diff_partitions(["a"], ["a"]) == ([], [])


def test_the_sync_type_tag_has_a_name_of_ours() -> None:
    assert SYNC_TYPE_TAG.startswith("whalefall/")
