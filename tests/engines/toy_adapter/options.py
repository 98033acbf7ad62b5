"""Which options an instance of the toy engine may have: none."""

from collections.abc import Mapping

from whalefall_pipeline.core.errors import InvalidInstanceError


def check_options(options: Mapping[str, str]) -> None:
    """Raise InvalidInstanceError for an option that no connection can be made with."""
    if options:
        raise InvalidInstanceError(f"the toy engine has no option {', '.join(sorted(options))}")
