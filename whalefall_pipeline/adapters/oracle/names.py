"""How names are quoted in Oracle SQL. Pure."""


def quote(name: str) -> str:
    """Quote an identifier. Oracle's names can't hold a quotation mark."""
    return f'"{name}"'
