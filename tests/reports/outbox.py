"""What tests of sending share: targets, news to send, and an outbox that is due."""

from collections.abc import Sequence

from sqlalchemy import text

from tests.engines.scripted import Fleet, user
from whalefall_pipeline.core.findings import everywhere
from whalefall_pipeline.core.findings.model import Options
from whalefall_pipeline.core.findings.rulebook import Rulebook
from whalefall_pipeline.reports.sending import Sent, send_alerts
from whalefall_pipeline.reports.targets import AlertTarget, read_targets
from whalefall_pipeline.settings import read_settings
from whalefall_pipeline.sync.plan import Alerting

KEY = b"a key"
NO_RULES = Rulebook(Options(ignore=frozenset(rule.id for rule in everywhere.RULES)))


def to_targets(*urls: str) -> list[AlertTarget]:
    return read_targets(read_settings({"WHALEFALL_ALERT_URLS": " ".join(urls)}))


def make_superusers(fleet: Fleet, *names: str) -> str:
    """Sync a session in which these became superusers on all instances, and return its id."""
    fleet.adapter.accounts = [user(name, rolsuper=name in names) for name in ("ana", "bob")]
    plan = fleet.plan(alerting=Alerting(), rulebook=NO_RULES)
    fleet.run(plan)
    return plan.session_id


def send(fleet: Fleet, targets: Sequence[AlertTarget], *, every: bool = False) -> Sent:
    return send_alerts(fleet.engine, targets, KEY, every=every)


def be_due(fleet: Fleet) -> None:
    with fleet.engine.begin() as connection:
        connection.execute(text("update alert_delivery set due_at = now()"))


def age(fleet: Fleet, *, days: int, attempts: int) -> None:
    with fleet.engine.begin() as connection:
        connection.execute(
            text(
                "update alert_delivery set attempts = :attempts, due_at = now(), "
                "first_tried_at = now() - make_interval(days => :days, secs => 1) where taken_at is null"
            ),
            {"days": days, "attempts": attempts},
        )
