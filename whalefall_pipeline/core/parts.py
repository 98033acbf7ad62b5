"""What an engine reads apart within a server or a database, as `database:sales/definitions`: coverage of its own."""

PARTS = frozenset(
    {
        "column_privileges",
        "definers",
        "definitions",
        "object_privileges",
        "parameters",
        "password_file",
        "profiles",
        "proxies",
        "quotas",
        "roles",
        "schema_privileges",
        "system_privileges",
    }
)
"""Their names; a database whose name has a slash (`sales/2025`) is a whole, unless it ends with one of them."""


def to_whole(scope: str) -> str:
    """Return what a scope is a part of; empty: it is a whole."""
    whole, _, part = scope.rpartition("/")
    return whole if part in PARTS else ""
