"""Why databases are not seen or a server not reached, in words, and what opens them."""

from whalefall_pipeline.adapters.postgresql.errors import DatabaseRefusedError, UnreadableError
from whalefall_pipeline.core.model import Observation, Seen

REFUSED = "check the login, its database, pg_hba.conf and sslmode"
OBSERVED = Observation(Seen.OBSERVED)
CLOSED = Observation(Seen.DENIED, "the database allows no connections (datallowconn is false)")
NO_CONNECT = Observation(Seen.DENIED, "the collector's login has no CONNECT on the database")
ALIAS = Observation(
    Seen.UNREACHABLE, "its name leads to another database: an alias of a connection pooler, or another server by now"
)
NO_IDENTITY = (
    "another server under this name is not noticed: the login has no EXECUTE on pg_control_system() here;"
    " GRANT EXECUTE ON FUNCTION pg_catalog.pg_control_system() TO the login"
)
NOT_TEXT = Observation(Seen.UNREACHABLE, "its name is not valid UTF-8, so no client can ask for it by name")
HINTS = {CLOSED: "ALTER DATABASE … ALLOW_CONNECTIONS true", NO_CONNECT: "GRANT CONNECT ON DATABASE … TO the login"}


def find_advice(failed: Exception, *, transient: bool) -> str:
    """Return what to look at when there is no connection; nothing where the error says it, as of an unknown host."""
    if transient:
        return "; is the server up, and reachable from here?"
    return f"; {REFUSED}" if isinstance(failed, DatabaseRefusedError | UnreadableError) else ""


def to_note(seen: Observation) -> str:
    """Return why something was not seen, with what opens it."""
    hint = HINTS.get(seen)
    return f"{seen.reason}; {hint}" if hint else seen.reason
