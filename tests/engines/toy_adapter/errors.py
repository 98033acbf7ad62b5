"""What can go wrong on the wire, as the error that a sync reports."""

from whalefall_pipeline.core.errors import DatabaseConnectionError


def to_error(error: Exception) -> DatabaseConnectionError:
    """Turn a failure of the socket, or an answer that ends too early, into ours: worth another try."""
    return DatabaseConnectionError(f"the connection is lost: {type(error).__name__}", transient=True)


def to_refusal(reason: str) -> DatabaseConnectionError:
    """Turn a refused login into ours: never tried again."""
    return DatabaseConnectionError(f"the login is refused: {reason}", transient=False)
