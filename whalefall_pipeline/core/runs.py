"""The names that Dagster and we share: of jobs and partitions, of a run's tags and states. Free of Dagster itself."""

LOCATION = "whalefall"
"""The code location."""
REPOSITORY = "__repository__"
"""What Dagster calls the only repository of a code location."""
SYNC_JOB = "sync_instances"
CLEAN_UP_JOB = "clean_up"
PARTITIONS_NAME = "instances"
"""The dynamic partitions: one per active instance, its name the key."""

BATCH_TAG = "whalefall/batch_id"
SYNC_TYPE_TAG = "whalefall/sync_type"
CREATED_BY_TAG = "whalefall/created_by"
INSTANCES_TAG = "whalefall/instances"
"""A run's instances, as a JSON list, where they are no range of partitions."""
ACCEPT_COLLAPSE_TAG = "whalefall/accept_collapse"

PARTITION_TAG = "dagster/partition"
RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
BACKFILL_TAG = "dagster/backfill"
SCHEDULE_TAG = "dagster/schedule_name"
SENSOR_TAG = "dagster/sensor_name"
AUTOMATION_TAGS = ("dagster/auto_materialize", "dagster/from_automation_condition")
FROM_UI_TAG = "dagster/from_ui"
RETRY_TAG = "dagster/retry_number"
"""On runs that Dagster re-executes by itself, where a deployment asks for that."""

SUCCESS, FAILURE, CANCELED = "SUCCESS", "FAILURE", "CANCELED"
CANCELING = "CANCELING"
FINISHED = (SUCCESS, FAILURE, CANCELED)
"""The states that a run ends in."""
