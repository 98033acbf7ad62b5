"""What a re-executed run has from the runs before it: their outcomes, and tags that are not its own."""

from collections.abc import Mapping, Sequence

from dagster import DagsterInstance, DagsterRun

from whalefall_pipeline.core.runs import RETRY_TAG


def find_ancestors(instance: DagsterInstance, run: DagsterRun) -> Sequence[str]:
    """Return the ids of the runs that a run re-executes, the nearest first; none for a run that begins again."""
    ancestors: list[str] = []
    parent_id = run.parent_run_id
    while parent_id and parent_id not in ancestors:
        ancestors.append(parent_id)
        parent = instance.get_run_by_id(parent_id)
        parent_id = parent.parent_run_id if parent else None
    return ancestors


def read_own_tags(instance: DagsterInstance, run: DagsterRun) -> Mapping[str, str]:
    """Return the tags that say how a run was started; those of its parent are copied and say how that one was."""
    parent = instance.get_run_by_id(run.parent_run_id) if run.parent_run_id else None
    if parent is None or RETRY_TAG in run.tags:
        return run.tags
    return {tag: value for tag, value in run.tags.items() if parent.tags.get(tag) != value}
