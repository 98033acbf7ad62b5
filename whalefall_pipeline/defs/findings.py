"""The checks that show the fleet's state of health in the Dagster UI: one for each severity, over all active instances.

They are of the whole fleet, not of a run's instances: one that a single instance's run turned green, while others have
findings, would say what is not so. So they have no partition, and their metadata names the instances. (Dagster shows
the evaluations of partitioned checks in range runs without a partition.)
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.core.errors import InvalidInputError
from whalefall_pipeline.core.findings.model import Severity
from whalefall_pipeline.core.findings.rulebook import Rulebook
from whalefall_pipeline.core.text import make_visible
from whalefall_pipeline.defs.keys import KEYS, AssetKeys
from whalefall_pipeline.ledger.waivers import Health
from whalefall_pipeline.settings import Settings
from whalefall_pipeline.sync.rulebook import load_rulebook

STATUSES = ("open", "unknown", "waived")
ERRORS = frozenset({Severity.CRITICAL, Severity.HIGH})
NAMED = 200
"""Instances that the metadata of a check names; how many there are, it says as well."""


def to_check_name(severity: Severity) -> str:
    """Return the name of a severity's check."""
    return f"no_{severity.value}_findings"


def build_check_specs(keys: AssetKeys) -> list[dg.AssetCheckSpec]:
    """Return the checks of the permissions' asset, one for each severity."""
    return [
        dg.AssetCheckSpec(
            to_check_name(severity),
            asset=keys.permissions,
            description=f"No {severity.value} finding is open on any active instance, and none is unknown.",
        )
        for severity in Severity
    ]


def read_rulebook(settings: Settings) -> Rulebook:
    """Return the deployment's rules. Raises Failure, in one line, where their file is not usable: nothing is synced."""
    try:
        return load_rulebook(settings, ADAPTERS)
    except InvalidInputError as error:
        raise dg.Failure(f"WHALEFALL_RULES: {make_visible(str(error))}", allow_retries=False) from None


def build_finding_checks(health: Sequence[Health], keys: AssetKeys = KEYS) -> Iterator[dg.AssetCheckResult]:
    """Yield one result for each severity. What is waived passes, and is counted; what is unknown does not pass."""
    for severity in Severity:
        own = [item for item in health if item.severity == severity.value]
        totals = {status: sum(item.findings for item in own if item.status == status) for status in STATUSES}
        is_error = bool(totals["open"]) and severity in ERRORS
        yield dg.AssetCheckResult(
            passed=not (totals["open"] or totals["unknown"]),
            check_name=to_check_name(severity),
            asset_key=keys.permissions,
            severity=dg.AssetCheckSeverity.ERROR if is_error else dg.AssetCheckSeverity.WARN,
            metadata={**totals, "instances": dg.MetadataValue.table(_to_records(own), schema=SCHEMA)},
        )


SCHEMA = dg.TableSchema(
    [dg.TableColumn("instance"), *(dg.TableColumn(status, type="int") for status in STATUSES)],
)


def _to_records(health: Sequence[Health]) -> list[dg.TableRecord]:
    counts: dict[str, dict[str, int]] = {}
    for item in health:
        counts.setdefault(item.instance, dict.fromkeys(STATUSES, 0))[item.status] = item.findings
    worst = sorted(counts, key=lambda name: ([-counts[name][status] for status in STATUSES], name))
    return [dg.TableRecord({"instance": make_visible(name), **counts[name]}) for name in worst[:NAMED]]
