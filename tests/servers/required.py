"""What happens when a machine has no server of some engine: a laptop skips, a machine that must have them all fails."""

import os
from typing import NoReturn

import pytest

VARIABLE = "WHALEFALL_REQUIRE_ENGINES"


def missing(engine: str, why: str) -> NoReturn:
    """Skip the test that asked for this server, with the reason; with WHALEFALL_REQUIRE_ENGINES=1 fail it."""
    reason = f"no {engine} server: {why}"
    if os.environ.get(VARIABLE) == "1":
        pytest.fail(f"{reason} ({VARIABLE}=1 asks for every engine)", pytrace=False)
    pytest.skip(reason)
