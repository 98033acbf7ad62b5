"""The fixtures of real servers that a ledger watches."""

from tests.end_to_end.history.conftest import (
    engine,
    environment,
    fleet,
    running_server,
    server,
    start_second,
    watched,
    whalefall,
)

__all__ = ["engine", "environment", "fleet", "running_server", "server", "start_second", "watched", "whalefall"]
