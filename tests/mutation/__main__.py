"""Measures how many mutants of core the unit tests kill: `python -m tests.mutation --sample 200 --seed 1`.

First the tests that need no server run once with coverage, which says what each reaches; of a mutant only those are
run that reach its line. Each runs in a fork of a process that has loaded what all of them need, so that most take half
a second. What no test reaches survives. The exit code is 1 below 90 percent.
"""

import argparse
import importlib
import os
import random
import signal
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from coverage import Coverage, CoverageData
from hypothesis import Phase, settings

from tests.mutation.mutants import Mutant, build_mutant, list_mutants

CORE = Path("whalefall_pipeline/core")
TESTS = ("tests/core", "tests/adapters", "tests/cli", "tests/ledger", "tests/reports", "tests/sync")
"""Those in folders of these that are unit tests."""
LEAST_PERCENT = 90
SECONDS = 120
"""After which a mutant that goes on for ever counts as noticed."""
OPTIONS = ("-n0", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--hypothesis-profile=quick", "-m", "unit")
LOADED = ("hypothesis.strategies", "sqlalchemy", "psycopg", "alembic.command", "orjson", "pydantic")
"""What tests import and no mutant changes."""
NOTICED = frozenset({pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED, pytest.ExitCode.INTERNAL_ERROR})


def main() -> int:
    """Run a sample, and print what survived."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__)
    parser.add_argument("--sample", type=int, default=200, help="mutants that are tried; 0: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="only modules whose path has this in it")
    parser.add_argument("--tests", nargs="+", default=TESTS, help="folders of the tests that may notice one")
    parser.add_argument("--jobs", type=int, default=1, help="mutants that are tried at once")
    options = parser.parse_args()
    every = [
        _Tried(path, mutant)
        for path in sorted(CORE.rglob("*.py"))
        if options.only in str(path)
        for mutant in list_mutants(path.read_text(encoding="utf-8"))
    ]
    chosen = random.Random(options.seed).sample(  # noqa: S311 - a sample that can be drawn again
        every, min(options.sample or len(every), len(every))
    )
    for name in LOADED:
        importlib.import_module(name)
    reached = _find_reached(options.tests)
    survived = 0
    for path, mutant in _find_survivors(sorted(chosen), reached, options.jobs):
        survived += 1
        sys.stdout.write(f"{path}:{mutant.line}: {mutant.what}\n")
        sys.stdout.flush()
    killed = len(chosen) - survived
    said = (
        f"{killed} of {len(chosen)} mutants were noticed ({killed / len(chosen):.0%}), of {len(every)} that there are"
    )
    sys.stdout.write(f"{said}\n")
    return 0 if killed * 100 >= LEAST_PERCENT * len(chosen) else 1


class _Tried(NamedTuple):
    """A mutant of a module."""

    path: Path
    mutant: Mutant


class Reached:
    """Which tests reach which lines.

    What runs when a module is loaded counts as reached by all files of tests that reach a line of it: a test that looks
    at a constant, or at what a default is, runs no line of the module.
    """

    def __init__(self, data: CoverageData) -> None:
        self._lines = {
            path: data.contexts_by_lineno(str(Path(path).absolute())) for path in map(str, CORE.rglob("*.py"))
        }

    def find(self, path: Path, line: int) -> Sequence[str]:
        """Return the tests that reach a line, or the line before where that is a part of the same statement."""
        lines = self._lines[str(path)]
        begun = max((known for known in lines if known <= line), default=0)
        named = _list_tests([lines.get(begun, [])])
        return named or (_list_files(_list_tests(lines.values())) if lines.get(begun) else [])


def _list_tests(contexts: Iterable[Sequence[str]]) -> list[str]:
    """Return the tests, those of core first, which are the likeliest to notice."""
    names = {name for names in contexts for name in names if name}
    return sorted(names, key=lambda name: (not name.startswith(TESTS[0]), name))


def _list_files(tests: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(name.partition("::")[0] for name in tests))


class _Contexts:
    """Tells coverage which test runs."""

    def __init__(self, measured: Coverage) -> None:
        self._measured = measured

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        self._measured.switch_context(item.nodeid)


def _find_reached(tests: Sequence[str]) -> Reached:
    """Run the tests once, in a fork, and return what each reaches. Raises RuntimeError when one fails."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found"
        child = os.fork()
        if child == 0:
            os._exit(_measure(found, tests))
        if os.waitpid(child, 0)[1]:
            raise RuntimeError("the unit tests fail without any mutant")
        data = CoverageData(str(found))
        data.read()
        return Reached(data)


def _measure(found: Path, tests: Sequence[str]) -> int:
    _silence()
    measured = Coverage(data_file=str(found), source=[str(CORE)], config_file=False)
    measured.start()
    code = int(pytest.main([*tests, *OPTIONS], plugins=[_Contexts(measured)]))
    measured.stop()
    measured.save()
    return code


def _silence() -> None:
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)


def _find_survivors(chosen: Iterable[_Tried], reached: Reached, jobs: int) -> Iterator[_Tried]:
    """Yield the mutants with which no test fails, each tried in a process of its own; some at once."""
    running: dict[int, tuple[_Tried, Sequence[str]]] = {}
    for tried in chosen:
        tests = reached.find(tried.path, tried.mutant.line)
        if not tests:
            yield tried
            continue
        if len(running) >= jobs:
            yield from _wait_for_one(running)
        running[_start(tried, tests)] = tried, tests
    while running:
        yield from _wait_for_one(running)


def _wait_for_one(running: dict[int, tuple[_Tried, Sequence[str]]]) -> Iterator[_Tried]:
    """Wait until one of the processes ends, and yield its mutant if it survived. Raises RuntimeError for a failure."""
    child, status = os.wait()
    tried, tests = running.pop(child)
    if os.WIFSIGNALED(status) or os.WEXITSTATUS(status) in NOTICED:
        return
    files = _list_files(tests)
    if os.WEXITSTATUS(status) == pytest.ExitCode.USAGE_ERROR and files != tests:
        # a test is named otherwise, where a constant that the mutant changes is a parameter of it
        running[_start(tried, files)] = tried, files
        return
    if os.WEXITSTATUS(status) != pytest.ExitCode.OK:
        raise RuntimeError(f"{tried.path}:{tried.mutant.line}: pytest ended with {os.WEXITSTATUS(status)}")
    yield tried


def _start(tried: _Tried, tests: Sequence[str]) -> int:
    child = os.fork()
    if child == 0:
        os._exit(_run(tried, tests))
    return child


def _run(tried: _Tried, tests: Sequence[str]) -> int:
    _silence()
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(SECONDS)
    name = ".".join(tried.path.with_suffix("").parts).removesuffix(".__init__")
    sys.meta_path.insert(0, _Finder(name, tried.path, tried.mutant.number))
    return int(pytest.main(["-x", *OPTIONS, *tests], plugins=[_NoShrinking()]))


class _NoShrinking:
    """Ends a property test at the first failure that is drawn, which nobody reads, and keeps none of them."""

    def pytest_sessionstart(self) -> None:
        settings.register_profile("first failure", settings(), phases=[Phase.explicit, Phase.generate], database=None)
        settings.load_profile("first failure")


class _Finder(MetaPathFinder, Loader):
    """Loads one module as its mutant."""

    def __init__(self, name: str, path: Path, number: int) -> None:
        self._name, self._path, self._number = name, path, number

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self, origin=str(self._path)) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        tree = build_mutant(self._path.read_text(encoding="utf-8"), self._number)
        exec(compile(tree, str(self._path), "exec"), module.__dict__)  # noqa: S102 - our own source


if __name__ == "__main__":
    sys.exit(main())
