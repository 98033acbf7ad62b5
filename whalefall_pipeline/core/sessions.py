"""What a run means as a session: its type, its batch, who started it, and the states that it can end in."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

from whalefall_pipeline.core.runs import (
    ACCEPT_COLLAPSE_TAG,
    AUTOMATION_TAGS,
    BACKFILL_TAG,
    BATCH_TAG,
    CANCELED,
    CANCELING,
    CREATED_BY_TAG,
    FAILURE,
    FROM_UI_TAG,
    SCHEDULE_TAG,
    SENSOR_TAG,
    SUCCESS,
    SYNC_TYPE_TAG,
)
from whalefall_pipeline.core.text import make_visible

SyncType: TypeAlias = Literal["manual_single", "manual_batch", "manual_task", "scheduled_task"]
SessionStatus: TypeAlias = Literal["running", "completed", "failed", "cancelled"]
RecordStatus: TypeAlias = Literal["pending", "running", "completed", "failed", "cancelled"]

_SYNC_TYPES: dict[str, SyncType] = {
    name: name for name in ("manual_single", "manual_batch", "manual_task", "scheduled_task")
}
_VALUES = {SYNC_TYPE_TAG: tuple(_SYNC_TYPES), ACCEPT_COLLAPSE_TAG: ("true", "false")}


def to_sync_type(tags: Mapping[str, str], chosen: int, active: int) -> SyncType:
    """Return how a run was triggered.

    `chosen` is the number of instances in its whole batch, `active` of all there are. One active instance chosen by
    hand is `manual_single`, even when it is the only one.
    """
    if tags.get(SYNC_TYPE_TAG) in _SYNC_TYPES:
        return _SYNC_TYPES[tags[SYNC_TYPE_TAG]]
    if any(tag in tags for tag in (SCHEDULE_TAG, SENSOR_TAG, *AUTOMATION_TAGS)):
        return "scheduled_task"
    if chosen == 1:
        return "manual_single"
    return "manual_task" if chosen >= active else "manual_batch"


def to_batch_id(tags: Mapping[str, str]) -> str | None:
    """Return what runs that were started together share, or None for a run by itself."""
    return tags.get(BATCH_TAG) or tags.get(BACKFILL_TAG)


def to_created_by(tags: Mapping[str, str]) -> str | None:
    """Return who or what started a run, where its tags say so."""
    if tags.get(CREATED_BY_TAG):
        return tags[CREATED_BY_TAG]
    for tag, what in ((SCHEDULE_TAG, "schedule"), (SENSOR_TAG, "sensor")):
        if tag in tags:
            return f"{what} {tags[tag]}"
    if any(tag in tags for tag in AUTOMATION_TAGS):
        return "automation"
    return tags.get("user") or ("Dagster UI" if tags.get(FROM_UI_TAG) == "true" else None)


def find_wrong_tag(tags: Mapping[str, str]) -> str | None:
    """Return in one line what is wrong with a tag of ours that has none of its values; None: nothing is."""
    for tag, values in _VALUES.items():
        if tag in tags and tags[tag] not in values:
            return f"the run's tag {tag} is '{make_visible(tags[tag])}'; it can be {', '.join(values)}"
    return None


def accepts_collapse(tags: Mapping[str, str]) -> bool:
    """Return whether this one run may take an inventory that lost more than the safety limit allows."""
    return tags.get(ACCEPT_COLLAPSE_TAG) == "true"


def to_session_status(run_status: str, failed: int) -> SessionStatus:
    """Return the session's state for a Dagster run's; `failed` counts its failed records.

    A run that Dagster calls a success while a record failed is failed all the same.
    """
    if run_status in (CANCELED, CANCELING):
        return "cancelled"
    if run_status == SUCCESS:
        return "failed" if failed else "completed"
    return "failed" if run_status == FAILURE else "running"
