"""What the services raise."""

from whalefall_pipeline.core.errors import WhalefallError


class ServicesError(WhalefallError):
    """The services can't be had, or no longer; one line that names the log to read."""
