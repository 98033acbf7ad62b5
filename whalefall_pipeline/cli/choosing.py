"""Chooses instances by name."""

from collections.abc import Sequence

from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance


def choose_instances(active: Sequence[Instance], names: Sequence[str] | None) -> Sequence[Instance]:
    """Return the named ones of the active instances, or all. Raises InvalidInstanceError for what can't be chosen."""
    if not active:
        raise InvalidInstanceError("no instance is active; register one with: whalefall instances add")
    unknown = sorted(set(names or ()) - {instance.name for instance in active})
    if unknown:
        raise InvalidInstanceError(f"no active instance is named {', '.join(unknown)}; see: whalefall instances list")
    return [instance for instance in active if not names or instance.name in names]
