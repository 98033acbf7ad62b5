"""The limits of a sync where nobody sets others; the settings, adapters and plans all begin with these."""

CONNECT_SECONDS: float = 10
STATEMENT_SECONDS: float = 60
INSTANCE_SECONDS: float = 300
ANSWER_BYTES = 256 * 1024**2
"""Some millions of grants."""
PARALLELISM = 8
MOST_PROCESSES = 4
"""Unless a deployment says so: each has a program's memory, and connections of its own."""
ATTEMPTS = 3
BACKOFF_SECONDS: float = 1
LOCK_WAIT_SECONDS: float = 600
HEARTBEAT_SECONDS: float = 15
OVERRUN_SECONDS: float = 30
