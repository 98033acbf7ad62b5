"""Empties the outbox of alerts as time goes by."""
# Dagster's own signatures hold unknown types.
# pyright: reportUnknownMemberType=false

import os
from collections.abc import Mapping

import dagster as dg

from whalefall_pipeline.defs.resources import LedgerResource
from whalefall_pipeline.reports.sending import send_alerts
from whalefall_pipeline.reports.targets import read_targets
from whalefall_pipeline.settings import get_settings, read_settings


def choose_status(environment: Mapping[str, str]) -> dg.DefaultSensorStatus:
    """Return whether the sensor looks by itself: not where the environment names nobody to tell, and each look is idle.

    The settings are read for this alone: what others read later is what is set by then.
    """
    settings = read_settings(environment)
    names_somebody = settings.alert_urls or settings.alert_urls_file
    return dg.DefaultSensorStatus.RUNNING if names_somebody else dg.DefaultSensorStatus.STOPPED


@dg.sensor(
    minimum_interval_seconds=15,
    default_status=choose_status(os.environ),
    description="Send the alerts that syncs have written, one message for each session.",
)
def alerts(context: dg.SensorEvaluationContext, whalefall_ledger: LedgerResource) -> dg.SkipReason:
    """Send what is due; nothing is ever started here. What a target does not take is tried again later."""
    targets = read_targets(get_settings())
    if not targets:
        return dg.SkipReason("WHALEFALL_ALERT_URLS is not set: nobody is to be told")
    sent = send_alerts(whalefall_ledger.get_engine(), targets, whalefall_ledger.get_store().digest_key)
    if sent.is_busy:
        return dg.SkipReason("another process sends alerts")
    for failure in sent.failures:
        context.log.warning("not sent, and tried again later: %s", failure)
    return dg.SkipReason(f"{sent.messages} messages taken by targets, {len(sent.failures)} not taken")
