"""What a materialization says of superusers: numbers that Dagster plots, and who it is."""

import dagster as dg

from whalefall_pipeline.core.access.danger_summary import DangerSummary, Risk
from whalefall_pipeline.core.counts import PermissionCounts
from whalefall_pipeline.core.model import Instance, Seen, Unseen
from whalefall_pipeline.defs import events
from whalefall_pipeline.defs.keys import KEYS
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
        assert events.build_check([outcome]).passed is passes


def test_where_nothing_is_known_nothing_is_said() -> None:
    metadata = materialize(Outcome(INSTANCE, permissions=PermissionCounts(5, 9, 0)))
    assert not {"superusers", "could_become_superuser", "who"} & metadata.keys()
