"""The engines under test: a name for the test's id, and where the function that starts such a server stands."""

import os
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
    "toy": "tests.engines.toy:start",
}

LIGHT = frozenset({"postgresql-15", "postgresql-16", "postgresql-17"})
"""Engines between others of their kind: tests that are marked `thorough` leave them out."""

FURTHER = LIGHT | {"postgresql-14", "mariadb-newest", "oracle-root"}
"""Engines beside another of their kind, which are tried by `make check` alone."""
OLDER = FURTHER | {14, 15, 16, 17}
"""The same, as PostgreSQL's own tests name them."""

NO_WIRE = "Oracle's stand-in has no wire to cut; the driver's faults are in tests/adapters/oracle/test_connection.py"
NEEDS_WIRE = (
    "test_a_server_that_goes_silent_ends_in_time",
    "test_a_cancel_ends_a_reading_that_waits",
    "test_a_connection_that_breaks_in_the_middle_gives_no_reading",
)


def why_left_out(engine: str, test: str) -> str | None:
    """Say why an engine does not carry a test of the shared body, None when it does."""
    is_real = engine == "oracle-pluggable" and "WHALEFALL_TEST_ORACLE_DSN" in os.environ
    return NO_WIRE if engine.startswith("oracle-") and test in NEEDS_WIRE and not is_real else None


def find_starter(engine: str) -> StartServer:
    """Load an engine's start function when a test asks for it, so that no test needs another engine's libraries."""
    module, function = STARTERS[engine].split(":")
    return cast("StartServer", getattr(import_module(module), function))
