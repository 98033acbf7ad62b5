"""`make bench`: prints Markdown tables of syncs and of questions about access.

`--quick` measures 1,000 accounts in one round, `--access` the questions alone, `--fleet` 1,000 instances, `--idle` the
services of a home in which nothing happens, `--source` what a reading costs the server that is read, `--pages` the page
of partitions in a browser.
"""

import argparse
import sys

from tests.bench.access import Asked, build_access_table, measure_access
from tests.bench.fleet import measure_fleet
from tests.bench.idle import build_idle_table, measure_idle
from tests.bench.measuring import Sample, list_engines, measure
from tests.bench.pages import build_pages_table, measure_pages
from tests.bench.report import build_table, describe_machine
from tests.bench.source_cost import build_source_table, measure_source

SIZES = (1_000, 10_000)
ROUNDS = 5
INSTANCES = 1_000
QUICK_INSTANCES = 100
IDLE_SECONDS = 120.0
PAGES = 10_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 accounts, one round: ends in two minutes")
    parser.add_argument("--engine", action="append", default=[], help="one engine only (may be repeated)")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--accounts", type=int, action="append", help="so many only (may be repeated)")
    parser.add_argument("--kinds", type=int, default=0, help="accounts hold one of so many sets; 0: each its own")
    parser.add_argument("--fleet", action="store_true", help="a fleet in one session, and what Dagster adds to it")
    parser.add_argument("--access", action="store_true", help="only who-can, what-can and escalations")
    parser.add_argument("--instances", type=int, default=INSTANCES, help="of the fleet")
    parser.add_argument("--idle", action="store_true", help="what the services of an idle home take")
    parser.add_argument("--source", action="store_true", help="what a reading costs the server that is read")
    parser.add_argument("--pages", action="store_true", help="the page of partitions, with 10,000, in Chromium")
    asked = parser.parse_args()
    if asked.source:
        sizes = asked.accounts or SIZES[-1:]
        costs = [measure_source(engine, size, asked.rounds) for engine in list_engines(asked.engine) for size in sizes]
        sys.stdout.write(f"{describe_machine()}; {asked.rounds} rounds\n\n{build_source_table(costs)}\n")
        return
    if asked.pages:
        sys.stdout.write(f"{describe_machine()}\n\n{build_pages_table(measure_pages(PAGES))}\n")
        return
    if asked.idle:
        sys.stdout.write(
            f"{describe_machine()}; {IDLE_SECONDS:g} s\n\n{build_idle_table(measure_idle(IDLE_SECONDS))}\n"
        )
        return
    if asked.fleet:
        report = measure_fleet(asked.instances, lambda text: sys.stderr.write(f"{text}\n"))
        sys.stdout.write(f"{describe_machine()}; {asked.instances:,} instances\n\n{report}\n")
        return
    sizes, rounds = (SIZES[:1], 1) if asked.quick else (asked.accounts or SIZES, asked.rounds)
    samples: list[Sample] = []
    for engine in [] if asked.access else list_engines(asked.engine):
        for accounts in sizes:
            for sample in measure(engine, accounts, rounds, asked.kinds):
                samples.append(sample)
                sys.stderr.write(f"{engine}, {accounts:,} accounts, {sample.phase}, {sample.side}: {sample.measured}\n")
    sys.stdout.write(f"{describe_machine()}; {rounds} rounds\n\n")
    if samples:
        sys.stdout.write(f"{build_table(samples)}\n\n")
    questions: list[Asked] = []
    for question in measure_access(sizes[-1], QUICK_INSTANCES if asked.quick else asked.instances, rounds):
        questions.append(question)
        sys.stderr.write(f"{question.ledger}: {question.question}: {min(question.seconds):.2f} s\n")
    sys.stdout.write(f"{build_access_table(questions)}\n")


if __name__ == "__main__":
    main()
