"""A simulated fleet in one session, with and without Dagster, with and without dead hosts."""

from collections.abc import Callable

from tests.bench.fleet_report import Pair, build_dead_cost, build_pairs, build_services
from tests.bench.fleet_services import measure_services
from tests.bench.fleet_stand import DEADLINE, PARALLELISM, SETTINGS, Stand, list_deaths, open_fleet, run_session

PERCENTS_DEAD = (0, 5)


def measure_fleet(stand: Stand, instances: int, tell: Callable[[str], object]) -> str:
    """Sync fleets bare and in a run in turn, look at pages and partitions of the last one, and give a report."""
    pairs: list[Pair] = []
    services = {}
    for percent_dead in PERCENTS_DEAD:
        with open_fleet(stand, f"bare_{percent_dead}", instances, percent_dead) as fleet:
            bare = run_session(fleet, "bare")
        with open_fleet(stand, f"run_{percent_dead}", instances, percent_dead) as fleet:
            pairs.append(Pair(percent_dead, bare, run_session(fleet, "dagster")))
            tell(build_pairs(pairs[-1:], instances))
            if percent_dead == PERCENTS_DEAD[-1]:
                services = measure_services(fleet, pairs[-1].dagster["run_id"])
    dead = sum(map(bool, list_deaths(instances, PERCENTS_DEAD[-1])))
    cost = build_dead_cost(pairs, dead, float(SETTINGS[DEADLINE]), int(SETTINGS[PARALLELISM]))
    return "\n\n".join([build_pairs(pairs, instances), cost, build_services(services)])
