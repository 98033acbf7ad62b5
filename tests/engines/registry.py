"""The engines under test: a name for the test's id, and where the function that starts such a server stands."""

from importlib import import_module
from typing import cast

from tests.engines.engine import StartServer

STARTERS = {
    "postgresql-14": "tests.engines.postgresql:start_14",
    "postgresql-15": "tests.engines.postgresql:start_15",
    "postgresql-16": "tests.engines.postgresql:start_16",
    "postgresql-17": "tests.engines.postgresql:start_17",
    "postgresql-18": "tests.engines.postgresql:start_18",
    "mariadb": "tests.engines.mysql:start_mariadb",
    "mariadb-newest": "tests.engines.mysql:start_mariadb_newest",
    "mysql": "tests.engines.mysql:start_mysql",
    "oracle-pluggable": "tests.engines.oracle:start_pluggable",
    "oracle-root": "tests.engines.oracle:start_root",
    "sqlserver": "tests.engines.sqlserver:start",
}

LIGHT = frozenset({"postgresql-16", "postgresql-17"})
"""Engines between others of their kind: tests that are marked `thorough` leave them out."""


def find_starter(engine: str) -> StartServer:
    """Load an engine's start function when a test asks for it, so that no test needs another engine's libraries."""
    module, function = STARTERS[engine].split(":")
    return cast("StartServer", getattr(import_module(module), function))
