"""Measures commands as a person gives them, on a ledger with data: each a process of its own, from start to end."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

from tests.bench.access import fill_ledger
from tests.bench.contents import build_contents
from tests.bench.measuring import start_ledger

ROUNDS = 7
COMMAND = Path(sys.executable).with_name("whalefall")
ON_A_TERMINAL = ("--limit", "200")
"""What a table has there; to anything else a command prints all."""
STARTS = (("--help",), ("--version",))
START_SECONDS, LISTING_SECONDS = 0.3, 0.5


class Command(NamedTuple):
    """How one command went: seconds and seconds of its own CPU in each round, and the goal for the seconds."""

    words: str
    goal: float
    seconds: Sequence[float]
    cpu_seconds: Sequence[float]


def measure_commands(accounts: int, rounds: int = ROUNDS) -> Iterator[Command]:
    """Yield how commands go on a ledger that holds one instance with so many accounts."""
    with start_ledger() as ledger, TemporaryDirectory() as home:
        contents = build_contents(accounts)
        url = fill_ledger(ledger, "ledger_commands", contents, home)
        variables = {**os.environ, "WHALEFALL_DATABASE_URL": url, "WHALEFALL_HOME": home}
        table = f"public.{contents[0].tables[0]}"
        listings = (("accounts",), ("changes",), ("sessions",), ("who-has", "SELECT", "ON", table))
        commands = [(words, START_SECONDS) for words in STARTS]
        commands += [((*words, *ON_A_TERMINAL), LISTING_SECONDS) for words in listings]
        for words, goal in commands:
            _run(words, variables)  # the first one finds nothing in the server's memory
            taken = [_run(words, variables) for _ in range(rounds)]
            yield Command(" ".join(words), goal, *zip(*taken, strict=True))


def _run(words: Sequence[str], variables: dict[str, str]) -> tuple[float, float]:
    begun, before = time.perf_counter(), os.times()
    subprocess.run([COMMAND, *words], env=variables, capture_output=True, check=True)
    after = os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - begun, cpu


def build_commands_table(commands: Sequence[Command]) -> str:
    """Return a row per command."""
    lines = ["| Command | Seconds | Its CPU, s | Goal, s |", "|---|--:|--:|--:|"]
    for words, goal, seconds, cpu in commands:
        spread = f"**{median(seconds):.2f}** ({min(seconds):.2f} to {max(seconds):.2f})"
        lines.append(f"| `whalefall {words}` | {spread} | {median(cpu):.2f} | {goal} |")
    return "\n".join(lines)
