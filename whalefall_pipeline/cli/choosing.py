"""Chooses instances by name."""

from collections.abc import Mapping, Sequence

from whalefall_pipeline.cli.labels import choose_labelled
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance


def choose_instances(
    active: Sequence[Instance], names: Sequence[str] | None, labels: Mapping[str, str] | None = None
) -> Sequence[Instance]:
    """Return the named ones of the active instances, or all; of these, with `labels`, those that have them.

    Raises InvalidInstanceError or InvalidInputError for what can't be chosen.
    """
    if not active:
        raise InvalidInstanceError("no instance is active; register one with: whalefall instances add")
    unknown = sorted(set(names or ()) - {instance.name for instance in active})
    if unknown:
        raise InvalidInstanceError(f"no active instance is named {', '.join(unknown)}; see: whalefall instances list")
    chosen = [instance for instance in active if not names or instance.name in names]
    if labels:
        kept = set(choose_labelled({instance.name: instance.labels for instance in chosen}, labels))
        chosen = [instance for instance in chosen if instance.name in kept]
    return chosen
