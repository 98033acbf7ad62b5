"""Statements that Hypothesis draws for PostgreSQL: roles with attributes, and what they are given in every scope."""

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from tests.engines.postgresql_cases import DATABASE, DEFAULTS, GRANTED, OWNED, PARAMETERS, ROLE
from whalefall_pipeline.adapters.postgresql.names import quote

NAMES = ("drawn_plain", 'drawn "quoted"', "drawn.dotted", "Drawn Capitals", "dräwn'")
ATTRIBUTES = ("SUPERUSER", "NOINHERIT", "CREATEROLE", "CREATEDB", "LOGIN", "REPLICATION", "BYPASSRLS")
LIMITS = ("CONNECTION LIMIT 7", "VALID UNTIL '2031-05-06 07:08:09+02'", "VALID UNTIL '-infinity'", "")
SETTINGS = (
    ("search_path", "\"$user\", app, 'Odd.Schema'"),
    ("work_mem", "'7MB'"),
    ("application_name", r"E'it''s a \\ name'"),
    ("default_transaction_read_only", "'on'"),
)
GRANTEES = (*map(quote, NAMES), "PUBLIC")


def draw_statements(version: int) -> SearchStrategy[list[str]]:
    """Draw a list that makes all of NAMES and then gives them what it gives."""
    one_of_each = st.one_of(
        st.builds(_membership, st.integers(0, len(NAMES) - 2), st.integers(1, len(NAMES) - 1), _options(version)),
        _privilege(version),
        _default(),
        st.builds(_owner, st.sampled_from([target for target, _ in OWNED]), st.sampled_from(NAMES)),
        st.builds(_setting, st.sampled_from(tuple(map(quote, NAMES))), st.booleans(), st.sampled_from(SETTINGS)),
    )
    return st.builds(list[str].__add__, st.tuples(*map(_role, NAMES)).map(list), st.lists(one_of_each, max_size=25))


def _role(name: str) -> SearchStrategy[str]:
    attributes = st.lists(st.sampled_from(ATTRIBUTES), unique=True).map(" ".join)
    return st.builds("CREATE ROLE {} {} {};".format, st.just(quote(name)), attributes, st.sampled_from(LIMITS))


def _owner(target: str, name: str) -> str:
    return f"ALTER {target} OWNER TO {quote(name)};"


def _options(version: int) -> SearchStrategy[str]:
    options = ["", " WITH ADMIN OPTION"]
    if version >= 16:
        options += [" WITH INHERIT FALSE", " WITH ADMIN TRUE, SET FALSE", " WITH INHERIT TRUE, SET FALSE"]
    return st.sampled_from(options)


def _membership(role: int, above: int, options: str) -> str:
    # always of an earlier name in a later one, so that no cycle is drawn
    member = min(role + above, len(NAMES) - 1)
    return f"GRANT {quote(NAMES[role])} TO {quote(NAMES[member])}{options};"


@st.composite
def _privilege(draw: DrawFn, version: int) -> str:
    privilege, target, _ = draw(st.sampled_from([*GRANTED, *(PARAMETERS if version >= 15 else ())]))
    grantee = draw(st.sampled_from(GRANTEES))
    if draw(st.booleans()):
        taken_from = draw(st.sampled_from((grantee, "postgres")))
        return f"REVOKE {privilege} ON {target} FROM {taken_from};"
    option = " WITH GRANT OPTION" if grantee != "PUBLIC" and draw(st.booleans()) else ""
    return f"GRANT {privilege} ON {target} TO {grantee}{option};"


@st.composite
def _default(draw: DrawFn) -> str:
    privilege, kind, schema = draw(st.sampled_from(DEFAULTS))
    creator = draw(st.sampled_from((ROLE, *map(quote, NAMES))))
    verb, preposition = draw(st.sampled_from((("GRANT", "TO"), ("REVOKE", "FROM"))))
    grantee = draw(st.sampled_from((*GRANTEES, creator)))
    where = f" IN SCHEMA {schema}" if schema else ""
    how = f"ALTER DEFAULT PRIVILEGES FOR ROLE {creator}{where}"
    return f"{how} {verb} {privilege} ON {kind} {preposition} {grantee};"


def _setting(role: str, in_database: bool, setting: tuple[str, str]) -> str:
    where = f" IN DATABASE {DATABASE}" if in_database else ""
    name, value = setting
    return f"ALTER ROLE {role}{where} SET {name} TO {value};"
