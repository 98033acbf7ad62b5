"""The embedded PostgreSQL: a real server in a folder, which lives exactly as long as somebody uses it.

Every user holds a shared lock in the server's folder. The first one starts a guard, a small process in a session of its
own, which owns the server and stops it when the last lock is gone, however its holder ended.
"""

from whalefall_pipeline.embedded.errors import EmbeddedServerError
from whalefall_pipeline.embedded.server import EmbeddedServer, embedded_server, is_running, keep, stop, wait_for_end

__all__ = ["EmbeddedServer", "EmbeddedServerError", "embedded_server", "is_running", "keep", "stop", "wait_for_end"]
