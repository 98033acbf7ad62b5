"""Which tests one worker runs, since they share what is dear to start, and which come first.

pytest-xdist's own `loadgroup` reads the group from a suffix of the test's id, which it no longer can set with pytest 9:
every test would be a group of its own, and each worker start every server.
"""

import re
from collections.abc import Sequence

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.engines.registry import STARTERS

SLOW = (
    "end_to_end/triggers",
    "end_to_end/fleet",
    "services/test_services",
    "cli/test_demo",
    "cli/test_local_run",
    "embedded",
)
"""Folders and modules that take long, each on one worker; workers begin with them, in this order."""
_ENGINE = re.compile(rf"(?:^|-)({'|'.join(sorted(STARTERS, key=len, reverse=True))})(?:-|$)")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> "Spreading | None":
    """Spread whole groups over the workers, unless the command line asks for another way."""
    return Spreading(config, log) if config.getoption("dist") == "loadscope" else None


class Spreading(LoadScopeScheduling):
    """Gives a worker a whole group at a time, in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        return find_group(nodeid)


def find_group(nodeid: str) -> str:
    """Return a test's group: the engine among its parameters, else the slow folder that it is in, else its file."""
    path, _, test = nodeid.removeprefix("tests/").partition("::")
    engine = _ENGINE.search(test.partition("[")[2].rpartition("]")[0])
    return engine[1] if engine else next((slow for slow in SLOW if path.startswith(slow)), path)


def sort_groups(nodeids: Sequence[str]) -> list[int]:
    """Return the places of tests in the order in which groups begin: the slow ones, the engines, then the rest."""
    order = {group: number for number, group in enumerate((*SLOW, *STARTERS))}
    return sorted(range(len(nodeids)), key=lambda place: order.get(find_group(nodeids[place]), len(order)))
