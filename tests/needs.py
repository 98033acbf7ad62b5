"""What a test needs, found in what its function and its fixtures call: nobody has to mark tests by hand.

`server`: a server, real or standing in for one. `process`: a program of ours in a process of its own. `dagster`:
Dagster's code. `parser`: somebody else's parser of SQL, which takes seconds to load and to read. `unit`: none of these,
so it takes milliseconds. An engine's name (`mysql`): it is about that engine.
"""

import inspect
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any, cast

import pytest

from tests.engines.registry import FURTHER, OLDER, STARTERS
from whalefall_pipeline.adapters.registry import ADAPTERS

TOP = Path(__file__).parent
ENGINES = (*ADAPTERS, "toy")
MARKERS = {
    "server": "starts a server, or one that stands in for it",
    "process": "starts a program in a process of its own",
    "dagster": "loads Dagster",
    "parser": "reads SQL with somebody else's parser",
    "unit": "needs none of these",
    "exhaustive": "goes through every step, or many drawn cases, of what others try once; `make check` runs it",
    "thorough": "takes its time; left out on engines between others of their kind",
    **{engine: f"is about the engine {engine}" for engine in ENGINES},
}
MODULES = {
    "tests.servers": "server",
    "tests.engines": "server",
    "tests.bench": "server",
    "whalefall_pipeline.embedded": "server",
    "whalefall_pipeline.ledger.secret_commands": "process",
    "whalefall_pipeline.services": "process",
    "whalefall_pipeline.demo": "server",
    "subprocess": "process",
    "multiprocessing": "process",
    "sqlfluff": "parser",
    "sqlglot": "parser",
    "dagster": "dagster",
    "whalefall_pipeline.defs": "dagster",
    "whalefall_pipeline.definitions": "dagster",
}
EXHAUSTIVE = (
    "adapters/mysql/access/test_judge.py",
    "adapters/mysql/access/test_paths.py",
    "adapters/mysql/access/test_seeds.py",
    "adapters/mysql/access/test_wanted.py",
    "adapters/mysql/test_clients.py",
    "adapters/mysql/test_undo.py",
    "adapters/oracle/test_access_seeds.py",
    "adapters/postgresql/access/test_drawn.py",
    "adapters/postgresql/access/test_population.py",
    "adapters/postgresql/test_hostile_names.py",
    "adapters/postgresql/test_undo.py",
    "adapters/sqlserver/test_access_seeds.py",
    "cli/test_demo.py",
    "defs/test_dg.py",
    "end_to_end/alerts/test_crash.py",
    "end_to_end/fleet",
    "end_to_end/test_deploy.py",
    "end_to_end/triggers/test_crash.py",
    "end_to_end/triggers/test_outcomes.py",
    "end_to_end/triggers/test_reconcile.py",
    "end_to_end/triggers/test_redirects.py",
    "engines/test_packets.py",
    "project/test_docs.py",
    "services/test_guard_in_browsers.py",
    "services/test_services.py",
)
"""Modules and folders that go through every step or kind of change, many drawn cases, or all that a release holds."""
PURE = ("tests.engines.scripted", "tests.engines.engine", "tests.engines.toy_adapter.access", "tests.servers.required")
"""Modules beside those that start servers, which start none."""


def find_needs(item: pytest.Item) -> set[str]:
    """Return the names of the markers that an item gets."""
    needs = _find_engines(item)
    if isinstance(item, pytest.Function):
        test = cast("Any", item)  # pytest has no public way to a test's fixtures
        definitions = test._fixtureinfo.name2fixturedefs
        fixtures = [each[-1].func for name, each in definitions.items() if name in item.fixturenames]
        parameters = test.callspec.params.values() if hasattr(item, "callspec") else ()
        called = [_find_body(test.function), *fixtures, *parameters]
        needs |= {need for function in called for need in _find_calls(function)}
    needs |= {"exhaustive"} if _is_exhaustive(item) else set()
    return needs if needs & {*MODULES.values()} else needs | {"unit"}


def _is_exhaustive(item: pytest.Item) -> bool:
    """Whether a test is one of every step, or of an engine of which another version is tried every time."""
    path = item.path.relative_to(TOP).as_posix()
    callspec = getattr(item, "callspec", None)
    values = [value for value in callspec.params.values() if isinstance(value, str | int)] if callspec else []
    others = OLDER if path.startswith("adapters/postgresql/") else FURTHER
    return path.startswith(EXHAUSTIVE) or not others.isdisjoint(values)


def _find_engines(item: pytest.Item) -> set[str]:
    parts = item.path.relative_to(TOP).parts
    of_folder = {parts[1]} & set(ENGINES) if parts[0] == "adapters" else set[str]()
    engine = _find_parameter(item)
    return of_folder | ({STARTERS[engine].partition(":")[0].rpartition(".")[2]} if engine else set())


def _find_parameter(item: pytest.Item) -> str:
    """Return the engine under test that stands in an item's parameters, in whichever it is."""
    callspec = getattr(item, "callspec", None)
    values = [value for value in callspec.params.values() if isinstance(value, str)] if callspec else []
    return next((value for value in values if value in STARTERS), "")


def _find_body(function: Any) -> object:
    """Return the function that a property test draws values for."""
    hypothesis = getattr(function, "hypothesis", None)
    return hypothesis.inner_test if hypothesis else function


def _find_calls(function: object) -> frozenset[str]:
    function = inspect.unwrap(function) if callable(function) else function
    return _find_in_code(function) if isinstance(function, FunctionType) else frozenset()


@cache
def _find_in_code(function: FunctionType) -> frozenset[str]:
    """Return what a function needs, with the functions of tests that it calls."""
    found: set[str] = set()
    waiting, seen = [function], {function}
    while waiting:
        current = waiting.pop()
        for used in _list_globals(current):
            found |= _to_needs(used)
            if isinstance(used, FunctionType) and used.__module__.startswith("tests.") and used not in seen:
                seen.add(used)
                waiting.append(used)
    return frozenset(found)


def _list_globals(function: FunctionType) -> Iterator[object]:
    """Yield the objects that a function's code names, those in collections, partial calls and caches too."""
    for name in _list_names(function.__code__):
        used = function.__globals__.get(name)
        members = cast("dict[Any, object]", used).values() if isinstance(used, dict) else [used]
        for member in members:
            called = member.func if isinstance(member, partial) else cast("object", member)
            yield inspect.unwrap(called) if callable(called) else called


def _list_names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _list_names(constant)


def _to_needs(used: object) -> set[str]:
    module = used.__name__ if isinstance(used, ModuleType) else str(getattr(used, "__module__", ""))
    if module in PURE:
        return set()
    return {need for name, need in MODULES.items() if module == name or module.startswith(f"{name}.")}
