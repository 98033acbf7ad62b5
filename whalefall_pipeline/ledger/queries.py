"""Answers the questions that people ask of the ledger; rows come as mappings, ready to be shown."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from whalefall_pipeline.core.errors import SnapshotMissingError
from whalefall_pipeline.ledger.reader import Reader
from whalefall_pipeline.sql import load_sql

SQL = load_sql("whalefall_pipeline.ledger", "queries.sql")
Records: TypeAlias = Sequence[Mapping[str, Any]]
_VALUE = re.compile(r"(?<![:\w]):(\w+)")


def read_sessions(
    reader: Reader,
    session_or_batch: str | None = None,
    *,
    at_most: int | None = 50,
    instance: str | None = None,
    status: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    chosen: Sequence[str] | None = None,
) -> Records:
    """Return sessions, the newest first; with an id or the begin of one, that session or those of that batch."""
    filters = {"instance": instance, "status": status, "since": since, "until": until, "chosen": _to_list(chosen)}
    return _read(reader, "sessions", id=session_or_batch, at_most=at_most, **filters)


def read_records(reader: Reader, session_ids: Sequence[str]) -> Records:
    """Return the records of sessions, in the order in which their instances were taken."""
    return _read(reader, "session_records", ids=list(session_ids))


def read_progress(reader: Reader, session_ids: Sequence[str]) -> Records:
    """Return status and counts of sessions; one that has not begun is not there."""
    return _read(reader, "progress", ids=list(session_ids))


def read_failures(reader: Reader, session_ids: Sequence[str]) -> Records:
    """Return the failed records of sessions, in the order in which they ended."""
    return _read(reader, "failures", ids=list(session_ids))


def read_instance_rows(
    reader: Reader,
    names: Sequence[str] | None = None,
    *,
    removed: bool = False,
    chosen: Sequence[str] | None = None,
    at_most: int | None = None,
) -> Records:
    """Return the active instances with their login and last sync, by name; with `names` those, removed or not.

    Here as below, `chosen` holds the names of those that labels chose; None: no label is asked for.
    """
    wanted = list(names) if names is not None else None
    return _read(reader, "instances", names=wanted, removed=removed, chosen=_to_list(chosen), at_most=at_most)


def read_exclusions(
    reader: Reader,
    *,
    instance: str | None = None,
    every: bool = False,
    chosen: Sequence[str] | None = None,
    at_most: int | None = None,
) -> Records:
    """Return what is not to be read of active instances; with `every` what was taken back, and removed ones, too."""
    return _read(reader, "exclusions", instance=instance, every=every, chosen=_to_list(chosen), at_most=at_most)


def read_logins(reader: Reader, names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return the login of each active instance, with its secret in the stored form: encrypted, or a reference."""
    rows = _read(reader, "logins", names=list(names))
    return {row["name"]: (row["username"], row["secret"]) for row in rows}


def read_gaps(reader: Reader, instance: str | None = None, chosen: Sequence[str] | None = None) -> Records:
    """Return what the newest readings of active instances did not observe; without a scope: one was never synced."""
    return _read(reader, "gaps", instance=instance, chosen=_to_list(chosen))


def read_accounts(
    reader: Reader,
    *,
    instance: str | None = None,
    account: str | None = None,
    superuser: bool = False,
    locked: bool = False,
    inactive: bool = False,
    removed: bool = False,
    predefined: bool = False,
    chosen: Sequence[str] | None = None,
    at_most: int | None = None,
) -> Records:
    """Return active accounts (with `inactive` those that are gone), ordered by instance and username.

    Those of removed instances are among them with `removed`, or by their instance's name; predefined ones, the
    engine's own roles, with `predefined` only.
    """
    flags = {"superuser": superuser, "locked": locked, "inactive": inactive, "removed": removed}
    values = {"instance": instance, "account": account, "predefined": predefined, "at_most": at_most}
    return _read(reader, "accounts", chosen=_to_list(chosen), **flags, **values)


def read_account(reader: Reader, instance: str, username: str) -> Mapping[str, Any]:
    """Return one account with its snapshot and facts. Raises SnapshotMissingError when there is none."""
    rows = _read(reader, "account", instance=instance, username=username)
    if not rows:
        raise SnapshotMissingError(
            f"{instance} has no account {username!r}; list them: whalefall accounts --instance {instance}"
        )
    if rows[0]["permission_snapshot"] is None:
        raise SnapshotMissingError(f"{username!r} of {instance} has no snapshot yet; run: whalefall sync {instance}")
    return rows[0]


def read_usernames(reader: Reader, instance: str, prefix: str, *, at_most: int) -> list[str]:
    """Return the first active accounts of an instance whose names begin so."""
    return [row["username"] for row in _read(reader, "usernames", instance=instance, prefix=prefix, at_most=at_most)]


def read_changes(
    reader: Reader,
    *,
    instance: str | None = None,
    username: str | None = None,
    change_type: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    session_id: str | None = None,
    chosen: Sequence[str] | None = None,
    at_most: int | None = None,
) -> Records:
    """Return log entries, the newest first; a session's id may be the begin of one."""
    values: dict[str, Any] = {
        "instance": instance,
        "username": username,
        "change_type": change_type,
        "session_id": session_id,
    }
    values |= {"since": since, "until": until, "chosen": _to_list(chosen)}
    return _read(reader, "changes", at_most=at_most, **values)


def read_findings(
    reader: Reader,
    *,
    instance: str | None = None,
    account: str | None = None,
    rule: str | None = None,
    severities: Sequence[str] | None = None,
    status: str | None = None,
    since: datetime | None = None,
    chosen: Sequence[str] | None = None,
    at_most: int | None = None,
) -> Records:
    """Return findings of active instances, the worst first: all that are not closed, or those of a status.

    `since` leaves out what was opened before. Those of a removed instance are there by its name.
    """
    listed = list(severities) if severities is not None else None
    values = {"instance": instance, "account": account, "rule": rule, "severities": listed, "status": status}
    return _read(reader, "findings", since=since, chosen=_to_list(chosen), at_most=at_most, **values)


def read_waivers(
    reader: Reader, *, every: bool = False, chosen: Sequence[str] | None = None, at_most: int | None = None
) -> Records:
    """Return the waivers that are valid, those that expire first before others; with `every` the others too.

    Those that hold on all instances hold on the chosen ones.
    """
    return _read(reader, "waivers", all=every, chosen=_to_list(chosen), at_most=at_most)


def read_alerts(
    reader: Reader,
    *,
    unsent: bool = False,
    instance: str | None = None,
    chosen: Sequence[str] | None = None,
    at_most: int | None = None,
) -> Records:
    """Return alerts of the outbox, the newest first."""
    return _read(reader, "alerts", unsent=unsent, instance=instance, chosen=_to_list(chosen), at_most=at_most)


def read_metrics(reader: Reader) -> Records:
    """Return each active instance's last sync in numbers, as `build_metrics` takes them."""
    return _read(reader, "metrics")


def read_health_rows(reader: Reader) -> Records:
    """Return when each active instance was read, and the stored form of its secret."""
    return _read(reader, "health")


def read_now(reader: Reader) -> datetime:
    """Return the time of the ledger's clock."""
    return _read(reader, "now")[0]["now"]


def read_holders(
    reader: Reader,
    privilege: str | None,
    on: Sequence[str] = (),
    *,
    kind: str | None = None,
    instance: str | None = None,
    account: str | None = None,
    chosen: Sequence[str] | None = None,
    at: datetime | None = None,
) -> Records:
    """Return who holds a privilege at a moment (None: now), and since when: each grant, none that a wider one implies.

    `on` is the name path of an object, schema or database, of up to three names; a shorter one finds all that end so.
    Without it: in every scope. Without a privilege: any on that path. `kind` is the path's scope, such as table or
    role. Grants on removed instances are there too, with the moment of their removal.
    """
    values: dict[str, Any] = {"privilege": _to_upper(privilege), "at": at, "instance": instance, "account": account}
    values["chosen"] = _to_list(chosen)
    if not on:
        return _read(reader, "who_has", **values)
    return _read(reader, "who_has_on_object", kind=kind, **values, **_to_names(on))


def knows_account(reader: Reader, username: str, instance: str | None = None) -> bool:
    """Return whether any instance, or this one, has or had an account of the name."""
    return _knows(reader, "knows_account", username=username, instance=instance)


def read_unknown_scopes(reader: Reader, instance: str, scopes: Sequence[str]) -> list[str]:
    """Return the databases and accounts, as scopes, that no reading of an instance has shown; none before the first."""
    return [row["scope"] for row in _read(reader, "unknown_scopes", instance=instance, scopes=list(scopes))]


def knows_privilege(reader: Reader, privilege: str) -> bool:
    """Return whether anybody holds or held a privilege of the name."""
    return _knows(reader, "knows_privilege", privilege=_to_upper(privilege))


def knows_object(reader: Reader, on: Sequence[str], instance: str | None = None) -> bool:
    """Return whether anybody holds or held anything on an object, or in a schema or database, of this name path."""
    return _knows(reader, "knows_object", instance=instance, **_to_names(on))


def _to_list(names: Sequence[str] | None) -> list[str] | None:
    return list(names) if names is not None else None


def _to_names(on: Sequence[str]) -> dict[str, str | None]:
    first, before, name = (*(None,) * (3 - len(on)), *on)
    return {"first": first, "before": before, "name": name}


def _to_upper(privilege: str | None) -> str | None:
    return privilege.upper() if privilege else None


def _knows(reader: Reader, statement: str, **values: Any) -> bool:
    return bool(_read(reader, statement, **values)[0]["known"])


def _read(reader: Reader, statement: str, **values: Any) -> Records:
    """Run a statement; its values stand in it as psql's variables, `:name`, and go to the server by themselves."""
    query = _VALUE.sub(r"%(\1)s", SQL[statement].replace("%", "%%"))
    return reader.execute(query.encode(), values).fetchall()
