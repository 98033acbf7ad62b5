"""No run config reaches a connection, an executor or a log: there is none that Dagster would take."""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster import Permissive, Shape
from dagster._config import ConfigType

from whalefall_pipeline.adapters.registry import ADAPTERS
from whalefall_pipeline.definitions import defs
from whalefall_pipeline.defs.resources import LEDGER, to_key

HARMLESS = ("outputs",)
"""Which names of a step a run config may list; the step decides what it writes."""
RESOURCES = (*map(to_key, ADAPTERS), LEDGER, "io_manager")
JOBS = ("sync_instances", "clean_up", "__ASSET_JOB")
EVERY = {"anything": "x"}
PLACES: dict[str, dict[str, Any]] = {
    **{f"resource {key}": {"resources": {key: {"config": EVERY}}} for key in RESOURCES},
    "executor": {"execution": {"config": EVERY}},
    "executor by name": {"execution": {"multiprocess": {}}},
    "executor's retries": {"execution": {"config": {"retries": {"disabled": {}}}}},
    "step": {"ops": {"sync_accounts": {"config": EVERY}, "delete_old": {"config": EVERY}}},
    "step's inputs": {"ops": {"sync_accounts": {"inputs": EVERY}, "delete_old": {"inputs": EVERY}}},
    "log": {"loggers": {"console": {"config": {"log_level": "DEBUG"}}}},
    "another log": {"loggers": {"evil": {}}},
    "inputs of the job": {"inputs": EVERY},
    "storage": {"storage": {"filesystem": {"config": {"base_dir": "/"}}}},
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("job", JOBS)
def test_a_run_config_with_anything_in_it_is_refused(job: str, place: str) -> None:
    with pytest.raises(dg.DagsterInvalidConfigError, match="unexpected config entry"):
        dg.validate_run_config(defs.resolve_job_def(job), PLACES[place])


@pytest.mark.parametrize("job", JOBS)
def test_every_place_of_the_schema_is_closed(job: str) -> None:
    """Whatever a later version of Dagster, or of ours, lets a run configure shows here."""
    schema = defs.resolve_job_def(job).run_config_schema.config_type
    assert sorted(set(find_open(schema))) == []


def test_a_name_that_nothing_has_is_dropped() -> None:
    resolved = dg.validate_run_config(defs.resolve_job_def("__ASSET_JOB"), {"resources": {"evil": {"config": EVERY}}})
    assert resolved["resources"].keys() == set(RESOURCES)


def find_open(schema: ConfigType, path: str = "") -> Iterator[str]:
    """Yield the places of a run config's schema where anything at all may stand."""
    if isinstance(schema, Shape | Permissive):  # permissive: a name that nothing has is left out of what is resolved
        for name, part in schema.fields.items():
            yield from find_open(part.config_type, f"{path}/{name}")
    elif path.rpartition("/")[2] not in HARMLESS:
        yield f"{path}: {schema.given_name or schema.key}"
