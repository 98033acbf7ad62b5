"""Finds who is a superuser, and who could become one, where what is known of it may not be true any more."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from whalefall_pipeline import __version__
from whalefall_pipeline.adapters.engine import Adapter
from whalefall_pipeline.core.access.danger_summary import DangerSummary, bears_on_dangers, summarise, to_maker
from whalefall_pipeline.core.access.model import Population
from whalefall_pipeline.core.changes import NewSuperuser
from whalefall_pipeline.core.model import Kind
from whalefall_pipeline.core.rules import NOTHING_SET, SUPERUSER
from whalefall_pipeline.sync.compare import ComparedPermissions, ComparedStates
from whalefall_pipeline.sync.read import Collected


def find_dangers(adapter: Adapter, collected: Collected, compared: ComparedPermissions) -> DangerSummary | None:
    """Return the summary of the accounts that were read: that of the reading before, unless something bears on it.

    None for an adapter without rules of access.
    """
    access = adapter.access
    if access is None:
        return None
    states = compared.reading_states
    basis = (to_maker(__version__), collected.version, str(len(states)))
    known = compared.dangers_before
    changes = compared.states.changes if compared.states else ()
    same = known is not None and tuple(known.basis) == basis and not compared.attribute_changes
    if same and not bears_on_dangers(access, changes):
        return known
    attributes = NOTHING_SET if compared.attributes is None else compared.attributes
    population = Population(states, attributes=attributes, version=collected.version, now=collected.target.read_at)
    return summarise(access, population, basis)


class Superusers(NamedTuple):
    """Which accounts are superusers since this reading, and whether one of those that differ is one, or was."""

    new: Sequence[NewSuperuser] = ()
    concerned: bool = False


NOBODY = Superusers()


def find_superusers(compared: ComparedStates | None, before: Mapping[int, list[str]]) -> Superusers:
    """Compare which of the accounts that differ are superusers with those that were: by id, with the reasons."""
    if compared is None or not compared.stale:
        return NOBODY
    states = {name: compared.states[name] for name in compared.stale}
    after = {
        name: compared.facts.find_capabilities(state).get(SUPERUSER)
        for name, state in states.items()
        if state.account.kind is not Kind.PREDEFINED
    }
    new = [
        NewSuperuser(name, tuple(why))
        for name, why in after.items()
        if why and compared.stale[name].account_id not in before
    ]
    return Superusers(sorted(new), bool(before or any(after.values())))
