"""What a run's tags and status say of its session."""

import pytest

from whalefall_pipeline.core.sessions import (
    ACCEPT_COLLAPSE_TAG,
    SYNC_TYPE_TAG,
    accepts_collapse,
    find_wrong_tag,
    to_batch_id,
    to_created_by,
    to_session_status,
    to_sync_type,
)


@pytest.mark.parametrize(
    ("tags", "chosen", "active", "expected"),
    [
        ({}, 1, 6, "manual_single"),
        ({}, 1, 1, "manual_single"),
        ({}, 3, 6, "manual_batch"),
        ({}, 6, 6, "manual_task"),
        ({}, 7, 6, "manual_task"),  # one was left out since
        ({"dagster/backfill": "b"}, 6, 6, "manual_task"),
        ({"dagster/schedule_name": "daily_sync"}, 6, 6, "scheduled_task"),
        ({"dagster/sensor_name": "changed_instances"}, 1, 6, "scheduled_task"),
        ({"dagster/from_automation_condition": "true"}, 2, 6, "scheduled_task"),
        ({SYNC_TYPE_TAG: "manual_batch"}, 1, 6, "manual_batch"),
        ({SYNC_TYPE_TAG: "nonsense"}, 1, 6, "manual_single"),
    ],
)
def test_the_type_says_how_it_was_triggered(tags: dict[str, str], chosen: int, active: int, expected: str) -> None:
    assert to_sync_type(tags, chosen, active) == expected


def test_the_batch_is_the_backfill_or_our_own() -> None:
    assert to_batch_id({}) is None
    assert to_batch_id({"dagster/backfill": "b"}) == "b"
    assert to_batch_id({"dagster/backfill": "b", "whalefall/batch_id": "w"}) == "w"


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ({}, None),
        ({"whalefall/created_by": "ana"}, "ana"),
        ({"user": "ana@example.com"}, "ana@example.com"),
        ({"dagster/from_ui": "true"}, "Dagster UI"),
        ({"dagster/schedule_name": "daily_sync"}, "schedule daily_sync"),
        ({"dagster/sensor_name": "changed_instances"}, "sensor changed_instances"),
        ({"dagster/auto_materialize": "true"}, "automation"),
        ({"dagster/from_automation_condition": "true", "user": "ana"}, "automation"),
        ({"whalefall/created_by": "ana", "dagster/schedule_name": "daily_sync"}, "ana"),
        ({"whalefall/created_by": "", "user": "bob", "dagster/from_ui": "true"}, "bob"),
        ({"dagster/from_ui": "false"}, None),
    ],
)
def test_who_started_it(tags: dict[str, str], expected: str | None) -> None:
    assert to_created_by(tags) == expected


@pytest.mark.parametrize(
    ("run", "failed", "expected"),
    [
        ("SUCCESS", 0, "completed"),
        ("SUCCESS", 1, "failed"),
        ("FAILURE", 0, "failed"),
        ("CANCELED", 1, "cancelled"),
        ("CANCELING", 0, "cancelled"),
        ("STARTED", 0, "running"),
        ("QUEUED", 0, "running"),
    ],
)
def test_the_state_follows_the_run(run: str, failed: int, expected: str) -> None:
    assert to_session_status(run, failed) == expected


def test_a_collapse_is_accepted_only_in_so_many_words() -> None:
    assert accepts_collapse({"whalefall/accept_collapse": "true"})
    assert not accepts_collapse({"whalefall/accept_collapse": "yes"})
    assert not accepts_collapse({})


@pytest.mark.parametrize("value", ["", "True", "yes", "1", "true ", "a\nb"])
def test_a_tag_of_ours_with_a_value_that_it_can_not_have_is_named_in_one_line(value: str) -> None:
    for tag in (ACCEPT_COLLAPSE_TAG, SYNC_TYPE_TAG):
        wrong = find_wrong_tag({tag: value, "whalefall/other": value})
        assert wrong is not None
        assert tag in wrong
        assert len(wrong.splitlines()) == 1
    assert find_wrong_tag({"whalefall/other": value}) is None
    assert find_wrong_tag({ACCEPT_COLLAPSE_TAG: "false", SYNC_TYPE_TAG: "manual_task"}) is None
