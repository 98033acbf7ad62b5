"""Finds who is a superuser, and who could become one, where what is known of it may not be true any more."""

from whalefall_pipeline import __version__
from whalefall_pipeline.adapters.engine import Adapter
from whalefall_pipeline.core.access.danger_summary import DangerSummary, bears_on_dangers, summarise
from whalefall_pipeline.core.access.model import Population
from whalefall_pipeline.core.rules import NOTHING_SET
from whalefall_pipeline.sync.compare import ComparedPermissions
from whalefall_pipeline.sync.read import Collected


def find_dangers(adapter: Adapter, collected: Collected, compared: ComparedPermissions) -> DangerSummary | None:
    """Return the summary of the accounts that were read: that of the reading before, unless something bears on it.

    None for an adapter without rules of access.
    """
    access = adapter.access
    if access is None:
        return None
    states = compared.reading_states
    basis = (__version__, collected.version, str(len(states)))
    known = compared.dangers_before
    changes = compared.states.changes if compared.states else ()
    same = known is not None and tuple(known.basis) == basis and not compared.attribute_changes
    if same and not bears_on_dangers(access, changes):
        return known
    attributes = NOTHING_SET if compared.attributes is None else compared.attributes
    population = Population(states, attributes=attributes, version=collected.version, now=collected.target.read_at)
    return summarise(access, population, basis)
