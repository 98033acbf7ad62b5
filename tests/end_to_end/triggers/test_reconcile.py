"""The sweep over Dagster's records: runs that never began get their sessions, and seeing them again changes nothing."""

from datetime import timedelta
from urllib.error import HTTPError

import dagster as dg
import pytest

from tests.end_to_end.triggers.stage import LEDGER, Stage, to_url
from tests.waiting import wait_for
from whalefall_pipeline.defs import reconcile
from whalefall_pipeline.ledger.database import open_ledger


def sweep(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reconcile here, as the sensor does when it is turned on for the first time."""
    for name, value in stage.environment.items():
        monkeypatch.setenv(name, value)
    engine = open_ledger(to_url(stage.ledger, LEDGER))
    with dg.DagsterInstance.get() as instance:
        reconcile.reconcile(instance, engine, reconcile.Cursor(), 1)
    engine.dispose()


def test_a_run_cancelled_in_the_queue_and_one_that_was_never_started(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with stage.holding_queue():
        queued = stage.api.launch_one(stage.fleet[0])
        stage.api.terminate(queued)
        with pytest.raises(HTTPError):
            stage.api.launch_range(stage.fleet[0], "nobody")
        (abandoned,) = stage.api.read_runs(statuses=["NOT_STARTED"])
    assert stage.wait_for_session(queued)["status"] == "cancelled"
    assert stage.read_states(queued) == {stage.fleet[0]: "cancelled"}
    assert stage.api.read_status(queued) == "CANCELED"
    monkeypatch.setattr(reconcile, "ABANDONED", timedelta(0))
    sweep(stage, monkeypatch)
    assert stage.wait_for_session(abandoned)["status"] == "failed"
    assert stage.api.read_status(abandoned) == "FAILURE"
    query = "select to_jsonb(t) from sync_sessions t union all select to_jsonb(t) from sync_instance_records t"
    before = stage.read(query)
    sweep(stage, monkeypatch)
    after = stage.read(query)
    assert sorted(map(str, after)) == sorted(map(str, before))
    wait_for(stage.is_loaded, "the code server")
