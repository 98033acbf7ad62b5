"""`make bench`: measures everything, and prints it as Markdown for BENCHMARKS.md, a part as soon as it is there.

An option measures its part alone; several may be given. `--quick` is 1,000 accounts, one round and few instances,
without the parts that can't be quick.
"""

import argparse
import sys
import time

from tests.bench.parts import PARTS, Asked, list_parts
from tests.bench.report import describe_machine

SIZES = (1_000, 10_000)
ROUNDS = 5
INSTANCES = 1_000
QUICK_INSTANCES = 64


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="1,000 accounts, one round: ends in two minutes")
    parser.add_argument("--engine", action="append", default=[], help="one engine only (may be repeated)")
    parser.add_argument("--rounds", type=int, help=f"{ROUNDS}; of commands always 7, unless it is quick")
    parser.add_argument("--accounts", type=int, action="append", help="so many only (may be repeated)")
    parser.add_argument("--kinds", type=int, default=0, help="accounts hold one of so many sets; 0: each its own")
    parser.add_argument("--instances", type=int, help=f"of the fleet; {INSTANCES:,}, or {QUICK_INSTANCES} where quick")
    for name, (heading, _) in PARTS.items():
        parser.add_argument(f"--{name}", action="append_const", dest="parts", const=name, help=f"alone: {heading}")
    given = parser.parse_args()
    asked = Asked(
        given.engine,
        given.accounts or (SIZES[:1] if given.quick else SIZES),
        given.rounds or (1 if given.quick else ROUNDS),
        given.kinds,
        given.instances or (QUICK_INSTANCES if given.quick else INSTANCES),
        given.quick,
    )
    failed = [name for name in list_parts(given.parts or [], is_quick=given.quick) if not _measure(name, asked)]
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}")


def _measure(name: str, asked: Asked) -> bool:
    """Measure one part and print it; False where that failed, which leaves the others."""
    heading, measure = PARTS[name]
    machine, begun = describe_machine(), time.monotonic()
    try:
        text = measure(asked)
    except Exception as error:  # noqa: BLE001 - a browser that is missing, say; the report tells of it
        text = f"Not measured: {type(error).__name__}: {error}"
        failed = True
    else:
        failed = False
    took = time.monotonic() - begun
    sys.stdout.write(f"## {heading}\n\n{machine} at the begin; rounds: {asked.rounds}; took {took:.0f} s\n\n{text}\n\n")
    sys.stdout.flush()
    return not failed


if __name__ == "__main__":
    main()
