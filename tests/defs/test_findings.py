"""The checks of findings: one for each severity, over the whole fleet."""

from typing import cast

import dagster as dg

from whalefall_pipeline.core.findings.model import Severity
from whalefall_pipeline.defs.findings import build_finding_checks, to_check_name
from whalefall_pipeline.ledger.waivers import Health

HEALTH = [
    Health("shop", "high", "open", 2),
    Health("shop", "high", "waived", 1),
    Health("hr", "high", "open", 3),
    Health("hr", "medium", "unknown", 1),
    Health("shop", "low", "waived", 4),
]


def test_a_severity_passes_where_nothing_is_open_or_unknown() -> None:
    results = {result.check_name: result for result in build_finding_checks(HEALTH)}
    assert {name: (result.passed, result.severity.value) for name, result in results.items()} == {
        to_check_name(Severity.CRITICAL): (True, "WARN"),
        to_check_name(Severity.HIGH): (False, "ERROR"),
        to_check_name(Severity.MEDIUM): (False, "WARN"),
        to_check_name(Severity.LOW): (True, "WARN"),
    }


def test_the_metadata_names_the_instances_the_worst_first() -> None:
    (high,) = [item for item in build_finding_checks(HEALTH) if item.check_name == to_check_name(Severity.HIGH)]
    counts = {name: high.metadata[name].value for name in ("open", "unknown", "waived")}
    assert counts == {"open": 5, "unknown": 0, "waived": 1}
    table = cast("dg.TableMetadataValue", high.metadata["instances"])
    assert [record.data["instance"] for record in table.records] == ["hr", "shop"]


def test_a_fleet_without_findings_passes_all() -> None:
    assert all(result.passed for result in build_finding_checks([]))
