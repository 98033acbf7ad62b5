"""Database accounts and their permissions as Dagster assets, with history, in a PostgreSQL ledger."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from whalefall_pipeline.defs.building import build_defs

__all__ = ["__version__", "build_defs"]
__version__ = "0.2.0"


def __getattr__(name: str) -> Any:
    """Return `build_defs`, imported when it is asked for: with it comes Dagster, which few commands need."""
    if name == "build_defs":
        return import_module("whalefall_pipeline.defs.building").build_defs
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
