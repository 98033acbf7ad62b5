"""What `whalefall doctor` looks at: each look is a line with a remedy. What they look at is read elsewhere."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from whalefall_pipeline.core.errors import WhalefallError
from whalefall_pipeline.ledger.secrets import SecretStore, is_reference
from whalefall_pipeline.ledger.version import REVISIONS

OK, WARNING, FAILED, SKIPPED = "ok", "warning", "failed", "not looked at"
NAMED = 5
SLOW_CLOCK, WRONG_CLOCK = timedelta(seconds=5), timedelta(minutes=1)
LITTLE_BYTES, NO_BYTES = 2_000_000_000, 200_000_000
Rows = Sequence[Mapping[str, Any]]


class Look(NamedTuple):
    """One line of the answer."""

    check: str
    status: str
    note: str


def look_at_schema(revision: str | None) -> Look:
    """Compare the ledger's schema with this version's."""
    if revision == REVISIONS[-1]:
        return Look("schema", OK, f"revision {revision}, that of this version")
    if revision is not None and revision not in REVISIONS:
        return Look("schema", FAILED, f"revision {revision} is newer than this version; upgrade whalefall")
    was = f"revision {revision} is older than this version" if revision else "the ledger is empty"
    return Look("schema", FAILED, f"{was}; run: whalefall db upgrade")


def look_at_key(store: SecretStore, rows: Rows) -> Look:
    """Try to read each credential: what a lost key, variable or file does is said before a sync fails by it.

    A command that has a secret is decrypted and not run: that is for a sync, on the machine that syncs.
    """
    stored = [(str(row["name"]), row["secret"]) for row in rows if row["secret"]]
    unreadable: dict[str, str] = {}
    for name, secret in stored:
        try:
            if not store.find_command(secret):
                store.resolve(secret)
        except WhalefallError as error:
            unreadable[name] = str(error)
    if unreadable:
        first = next(iter(unreadable.values()))
        lost = [name for name, secret in stored if name in unreadable and not is_reference(secret)]
        remedy = "; bring the key back, or set new secrets: whalefall credentials set NAME" if lost else ""
        return Look("key", FAILED if lost else WARNING, f"unreadable here: {list_names(unreadable)}: {first}{remedy}")
    return Look("key", OK, f"{len(stored)} credentials can be read")


def look_at_disk(free: int, place: str) -> Look:
    """Judge the room on the home's disk."""
    status = FAILED if free < NO_BYTES else WARNING if free < LITTLE_BYTES else OK
    remedy = "; make room, or keep less: WHALEFALL_KEEP_RUNS_DAYS" if status != OK else ""
    return Look("disk", status, f"{free / 1e9:.1f} GB are free at {place}{remedy}")


def look_at_clock(here: datetime, ledger: datetime) -> Look:
    """Compare this machine's clock with the ledger's, by which moments are written."""
    apart = abs(here - ledger)
    status = FAILED if apart > WRONG_CLOCK else WARNING if apart > SLOW_CLOCK else OK
    remedy = "; set it by NTP" if status != OK else ""
    return Look("clock", status, f"{apart.total_seconds():.1f} s from the ledger's{remedy}")


def look_at_syncs(rows: Rows, now: datetime, fresh_hours: int) -> Look:
    """Look for instances that were not read for longer than they should."""
    if not rows:
        return Look("last sync", WARNING, "no instance is registered; begin with: whalefall instances add")
    old = [
        str(row["name"])
        for row in rows
        if row["permissions_read_at"] is None or now - row["permissions_read_at"] > timedelta(hours=fresh_hours)
    ]
    if old:
        why = f"{len(old)} of {len(rows)} instances were not read for {fresh_hours} h: {list_names(old)}"
        return Look("last sync", WARNING, f"{why}; see: whalefall instances list, or sync: whalefall sync --all")
    oldest = min(row["permissions_read_at"] for row in rows)
    return Look("last sync", OK, f"all {len(rows)} instances were read since {oldest:%Y-%m-%d %H:%M} UTC")


def look_at_daemons(daemons: Rows) -> Iterator[Look]:
    """Judge the heartbeats that Dagster tells of."""
    ill = [str(daemon["daemonType"]).lower() for daemon in daemons if daemon["required"] and not daemon["healthy"]]
    if ill or not daemons:
        what = f"no sign of life of: {list_names(ill)}" if ill else "Dagster knows of no daemon"
        yield Look("daemon", FAILED, f"{what}; see logs/daemon.log of the home, then: whalefall stop, whalefall up")
    else:
        yield Look("daemon", OK, "schedules, sensors and queue have a sign of life")


def look_at_partitions(partitions: Collection[str], active: Collection[str]) -> Look:
    """Compare Dagster's partitions with the active instances."""
    missing, gone = sorted(set(active) - set(partitions)), sorted(set(partitions) - set(active))
    if missing or gone:
        parts = [f"missing: {list_names(missing)}"] if missing else []
        parts += [f"too many: {list_names(gone)}"] if gone else []
        remedy = "the sensor instance_partitions mends it within seconds; is it on?"
        return Look("partitions", WARNING, f"{'; '.join(parts)}; {remedy}")
    return Look("partitions", OK, f"{len(partitions)}, one for each active instance")


def list_names(names: Collection[str]) -> str:
    """Return the first names, and how many more there are."""
    more = len(names) - NAMED
    return ", ".join(list(names)[:NAMED]) + (f" and {more} more" if more > 0 else "")
