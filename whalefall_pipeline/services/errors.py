"""What the services raise."""


class ServicesError(Exception):
    """The services can't be had, or no longer; one line that names the log to read."""
