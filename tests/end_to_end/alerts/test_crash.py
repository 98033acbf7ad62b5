"""A process that is killed at any point between the begin of a sync and the end of sending loses no alert."""

import subprocess
import sys
from collections import Counter
from pathlib import Path

from sqlalchemy import Engine

from tests.ledger.rows import read
from tests.reports.outbox import KEY, to_targets
from tests.servers.receivers import start_hook
from whalefall_pipeline.reports.sending import send_alerts

ROOT = Path(__file__).parents[3]
FEWEST_STEPS = 50
SUPERUSERS = """
select i.name from account_permission p join instances i on i.id = p.instance_id
where p.permission_facts -> 'capabilities' ? 'SUPERUSER'
"""


def test_a_process_killed_at_any_step_loses_no_alert(ledger: Engine, ledger_url: str, tmp_path: Path) -> None:
    with start_hook() as hook:
        command = [sys.executable, "-m", "tests.end_to_end.alerts.crashing", ledger_url, str(tmp_path), hook.url]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=280)
        assert done.returncode == 0, done.stderr
        steps = int(done.stdout)
        assert steps > FEWEST_STEPS
        before_the_end = Counter(hook.keys)
        assert send_alerts(ledger, to_targets(hook.url), KEY, every=True).failures == []

    superusers = {row["name"] for row in read(ledger, SUPERUSERS)}
    assert 1 < len(superusers) < steps, "some were killed before they wrote anything, some after"
    told = read(ledger, "select payload ->> 'instance' as name, message_key, sent_at from alert")
    assert {row["name"] for row in told} == superusers, "an alert is there if and only if what it is about is"
    assert [row for row in told if row["sent_at"] is None] == []
    assert {row["message_key"] for row in told} == set(hook.keys), "each was taken, whenever its process died"
    assert set(before_the_end) < set(hook.keys), "some were left to the last sender"
    repeated = {key for key, times in Counter(hook.keys).items() if times > 1}
    assert repeated, "one was killed after its message was taken, and before that was written"
    bodies = {(message["message"]) for message in hook.taken}
    assert len(bodies) == len(set(hook.keys)), "what is repeated is the same message"
