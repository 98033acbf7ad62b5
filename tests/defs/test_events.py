"""What materializations and checks say: numbers that Dagster plots, who it is, and what was not observed."""

from pathlib import Path
from typing import cast

import dagster as dg
from sqlalchemy import Engine

from tests.engines.scripted import Fleet, user
from whalefall_pipeline.core.access.danger_summary import DangerSummary, Risk
from whalefall_pipeline.core.counts import PermissionCounts
from whalefall_pipeline.core.model import Instance, Observation, Seen, Unseen
from whalefall_pipeline.defs import events
from whalefall_pipeline.defs.keys import KEYS
from whalefall_pipeline.ledger.unseen import Gap, read_gaps
from whalefall_pipeline.sync.tell import Outcome

INSTANCE = Instance(1, "shop", "postgresql", "localhost", 5432)


def materialize(outcome: Outcome) -> dict[str, dg.MetadataValue]:
    written = events.build_written(outcome)[KEYS.permissions]
    return dict(dg.AssetMaterialization(KEYS.permissions, partition="shop", metadata=written).metadata)


def test_superusers_are_numbers_and_a_table() -> None:
    listed = [Risk("root", True, ""), Risk("eve\x1b[2J", False, "member of root, superuser")]
    outcome = Outcome(INSTANCE, permissions=PermissionCounts(5, 9, 0), dangers=DangerSummary(1, 7, listed, ()))
    metadata = materialize(outcome)
    assert (metadata["superusers"], metadata["could_become_superuser"]) == (
        dg.IntMetadataValue(1),
        dg.IntMetadataValue(7),
    )
    table = metadata["who"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [dict(record.data) for record in table.records] == [
        {"account": "root", "superuser": "yes", "how": ""},
        {"account": r"eve\x1b[2J", "superuser": "could become one", "how": "member of root, superuser"},
    ]


def test_nobody_is_a_table_without_rows() -> None:
    outcome = Outcome(INSTANCE, permissions=PermissionCounts(5, 9, 0), dangers=DangerSummary(0, 0, (), ()))
    assert materialize(outcome)["superusers"] == dg.IntMetadataValue(0)


def test_what_a_careful_collector_need_not_see_fails_no_check() -> None:
    instance = Instance(1, "shop", "mysql", "localhost", 3306)
    for scope, passes in (("definers", True), ("tables", False)):
        unseen = (Unseen(scope, Seen.DENIED, "no SHOW VIEW", None),)
        outcome = Outcome(instance, permissions=PermissionCounts(5, 9, 0, unseen=unseen))
        assert events.build_check([outcome], []).passed is passes


def test_a_run_of_one_instance_turns_nothing_green_that_others_have(ledger: Engine, tmp_path: Path) -> None:
    fleet = Fleet(ledger, tmp_path)
    for name in ("one", "two"):
        fleet.register(name)
    fleet.adapter.accounts = [user("ana")]
    fleet.adapter.coverage["database:shop"] = Observation(Seen.DENIED, "no CONNECT")
    fleet.sync()
    fleet.register("never")
    outcome = Outcome(INSTANCE, permissions=PermissionCounts(5, 9, 0))
    with ledger.connect() as connection:
        result = events.build_check([outcome], read_gaps(connection))
    assert result.passed is False
    unseen = cast("dg.JsonMetadataValue", result.metadata["not_observed"]).data
    denied = {"database:shop": "denied: no CONNECT"}
    assert unseen == {"never": {"everything": "never synced"}, "one": denied, "two": denied}


def test_where_nothing_is_known_nothing_is_said() -> None:
    metadata = materialize(Outcome(INSTANCE, permissions=PermissionCounts(5, 9, 0)))
    assert not {"superusers", "could_become_superuser", "who"} & metadata.keys()


def test_a_gap_that_a_careful_collector_may_have_fails_no_check_of_the_fleet() -> None:
    optional, needed = (Gap("web", "mysql", scope, "denied: no SHOW VIEW") for scope in ("definers", "tables"))
    assert events.build_check([], [optional]).passed
    result = events.build_check([], [optional, needed])
    assert not result.passed
    unseen = cast("dg.JsonMetadataValue", result.metadata["not_observed"]).data
    assert unseen == {"web": {"tables": "denied: no SHOW VIEW"}}
