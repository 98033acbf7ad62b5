"""The script that makes a login to collect with."""

from whalefall_pipeline.adapters.engine import Opening


def build_collector(login: str) -> list[Opening]:
    """See `Adapter.build_collector`."""
    return [Opening(f"MAKE LOGIN {login}", "the whole catalog, which every login may read")]
