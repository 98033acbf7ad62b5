"""What scripts are made of: SQL that an independent parser takes for Oracle's, and nothing that SQL*Plus would run."""

import re
from collections.abc import Mapping, Sequence
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlfluff.core import Linter

from whalefall_pipeline.adapters.oracle import OracleAdapter
from whalefall_pipeline.adapters.oracle.catalog import OF_ALL, OF_ONE
from whalefall_pipeline.adapters.oracle.grants import AUTHENTICATION_NOT_STATED, NOT_STATED
from whalefall_pipeline.adapters.oracle.names import LONGEST_LINE, UnsafeNameError, quote, to_comment, to_lines
from whalefall_pipeline.adapters.oracle.object_types import BY_PACKAGE, KEYWORDS, OBJECT_SCOPES, PLAIN
from whalefall_pipeline.adapters.oracle.rules import CATEGORIES
from whalefall_pipeline.core.model import MEMBER, Account, AccountState, Grant, Json, Kind, Securable
from whalefall_pipeline.core.text import is_visible

HOSTILE = [
    "a\nhost touch /tmp/x", "a\n!id", "a\n/", "a\n.", "a\n@evil", "a\r\nDROP USER SYS CASCADE;", "a\n#HOST id",
    "x; DROP USER SYS", "x--", "x /* y", "&evil", "&&evil", "a'b", "@evil", "!id", "/", ".", "host id", "EXIT", "x;",
    'a" IDENTIFIED BY x --', "\x1b[2J", "\u2028/", "\x85!id", "\u202eevil", "a\0b", "a\tb", "", " ", "-", ";", "a -",
]  # fmt: skip
STARTS = ("SET DEFINE OFF;", "CREATE ", "ALTER ", "GRANT ", "REVOKE ", "DROP ", "-- ")


def make_states(name: str) -> dict[str, AccountState]:
    """Make accounts of each kind that have a name in every place that a catalog gives one."""
    texts: dict[str, Json] = {
        "external_name": name,
        "profile": name,
        "default_tablespace": name,
        "authentication_type": "EXTERNAL",
    }
    held = [
        (MEMBER, Securable("role", object=f"r{name}")), ("DEFAULT", Securable("role", object=name)),
        (MEMBER, Securable("role", object=name)), (name, Securable("server")),
        ("SELECT", Securable("table", name, name, name)), (name, Securable("view", "P", "O", "V")),
        ("UPDATE", Securable("column", "P", "O", "T", name)), ("USE", Securable("object", "P", name, name)),
        ("EXECUTE", Securable("queue", "P", name, name)), ("READ", Securable("directory", "P", "SYS", name)),
        ("CONNECT THROUGH", Securable("proxy", "P", object=name)),
        ("PROXY MAY ACTIVATE ROLE", Securable("proxy_role", "P", name, name)),
        ("QUOTA UNLIMITED", Securable("tablespace", "P", object=name)),
        (f"QUOTA {name}", Securable("tablespace", "P", object="USERS")),
        ("SELECT ANY TABLE", Securable("schema", "P", name)),
    ]  # fmt: skip
    grants = [Grant(name, privilege, securable) for privilege, securable in held]
    role = f"r{name}"
    return {
        name: AccountState.of(Account(name, Kind.USER, {"account_status": "OPEN", **texts}), grants),
        role: AccountState.of(Account(role, Kind.ROLE, {"authentication_type": "PASSWORD"}), ()),
        "PUBLIC": AccountState.of(Account("PUBLIC", Kind.PUBLIC, {"oracle_maintained": True}), ()),
    }


def put_into(states: Mapping[str, AccountState], container: str) -> dict[str, AccountState]:
    """Let accounts be those of a whole container database."""
    return {
        state.account.username: AccountState(
            Account(state.account.username, state.account.kind, {**state.account.attributes, "container": container}),
            state.held,
        )
        for state in states.values()
    }


def build_all(states: Mapping[str, AccountState]) -> list[str]:
    """Build the whole script, and the changes that make, unmake and empty each account."""
    adapter = OracleAdapter()
    found = list(adapter.build_script(states))
    for state in states.values():
        bare = AccountState(Account(state.account.username, state.account.kind, {"account_status": "LOCKED"}))
        for before, after in ((None, state), (state, None), (state, bare), (bare, state)):
            found += adapter.build_change(before, after)
    return found


def split_as_sqlplus(text: str) -> list[str]:
    """Cut a script where SQL*Plus does: at a line that ends with a semicolon; a comment is a line by itself."""
    found, held = list[str](), list[str]()
    for line in text.splitlines():
        if not held and line.startswith("--"):
            continue
        assert not re.match(r"\s*([/.!#@]|host\b|exit\b)", line, re.IGNORECASE), line
        held.append(line)
        if line.rstrip().endswith(";"):
            found.append("\n".join(held))
            held.clear()
    assert not held
    return found


def assert_is_safe(lines: Sequence[str]) -> list[str]:
    for line in lines:
        assert line.startswith(STARTS), line
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029]", line)
        assert len(max(line.split("\n"), key=len)) < 2_499
        if line.startswith("--"):
            assert "\n" not in line
            assert not line.endswith(("-", ";", "/"))
            assert is_visible(line)
        else:
            assert line.count('"') % 2 == 0
            assert line.endswith(";")
    statements = [line for line in lines if not line.startswith("--")]
    assert split_as_sqlplus("\n".join(lines)) == statements
    assert not statements or lines[0] == "SET DEFINE OFF;"
    return statements


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("container", [None, "CDB$ROOT", "name"])
def test_no_name_leaves_its_quotes(name: str, container: str | None) -> None:
    states = make_states(name)
    if container:
        states = put_into(states, name if container == "name" else container)
    assert_is_safe(OracleAdapter().build_script(states))
    for state in states.values():
        bare = AccountState(Account(state.account.username, state.account.kind, {"account_status": "LOCKED"}))
        for before, after in ((None, state), (state, None), (state, bare), (bare, state)):
            assert_is_safe(OracleAdapter().build_change(before, after))


@given(st.text(min_size=1, max_size=6))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_a_name_is_it_stays_a_name(name: str) -> None:
    assert_is_safe(OracleAdapter().build_script(make_states(name)))


def test_what_has_no_safe_form_is_said() -> None:
    lines = OracleAdapter().build_script(make_states("a\n!id"))
    assert [line for line in lines if line.startswith("-- left out: account a\\n!id: ")]
    assert not [line for line in lines if "!id" in line and not line.startswith("--")]


def test_a_long_statement_is_cut_between_names_only() -> None:
    roles = [f"{number} {'x' * 100}, y" for number in range(60)]
    statement = f'ALTER USER "A" DEFAULT ROLE {", ".join(map(quote, roles))}'
    cut = to_lines(statement)
    assert max(map(len, cut.split("\n"))) <= LONGEST_LINE + 6
    assert re.sub(r",\n\s*", ", ", cut) == statement + ";"
    with pytest.raises(UnsafeNameError):
        to_lines(f"CREATE USER \"A\" IDENTIFIED EXTERNALLY AS '{'x' * LONGEST_LINE}'")


@pytest.mark.parametrize("text", ["a-", "a;", "a\nb;", "/"])
def test_a_comment_ends_where_it_ends(text: str) -> None:
    assert re.fullmatch(r"-- [^\n]*\.", to_comment(text))


# nobody gets in with a password that the script makes up


def test_nobody_can_log_in_or_enable_a_role_before_its_secret_is_set() -> None:
    states = {
        "U": AccountState(Account("U", Kind.USER, {"account_status": "OPEN", "authentication_type": "PASSWORD"})),
        "R": AccountState(Account("R", Kind.ROLE, {"authentication_type": "PASSWORD"})),
        "A": AccountState(Account("A", Kind.ROLE, {"authentication_type": "APPLICATION"})),
    }
    lines = OracleAdapter().build_script(states)
    assert 'CREATE USER "U" NO AUTHENTICATION;' in lines
    for role in "RA":
        assert f'CREATE ROLE "{role}" IDENTIFIED USING "SYS"."WHALEFALL_SETS_THIS_LATER";' in lines
    assert not [line for line in lines if "IDENTIFIED BY" in line and not line.startswith("-- ALTER ")]


@pytest.mark.parametrize("unknown", [AUTHENTICATION_NOT_STATED, NOT_STATED])
def test_a_proxy_on_terms_that_the_catalog_does_not_say_is_not_made_on_others(unknown: str) -> None:
    client = Securable("proxy", "P", object="CLIENT")
    for privileges, is_made in ((["CONNECT THROUGH"], True), (["CONNECT THROUGH", unknown], False)):
        grants = [Grant("MID", privilege, client) for privilege in privileges]
        states = {
            "MID": AccountState.of(Account("MID", Kind.USER, {"account_status": "OPEN"}), grants),
            "CLIENT": AccountState(Account("CLIENT", Kind.USER, {"account_status": "OPEN"})),
        }
        lines = OracleAdapter().build_script(states)
        made = [line for line in lines if "GRANT CONNECT THROUGH" in line and not line.startswith("--")]
        assert len(made) == is_made, lines
        assert any("does not say on which terms" in line for line in lines) is not is_made


# the words of GRANT for each type of object


@pytest.mark.parametrize("scope", sorted(set(OBJECT_SCOPES.values())))
def test_each_type_has_its_grant_or_says_why_there_is_none(scope: str) -> None:
    state = AccountState.of(Account("U", Kind.ROLE), [Grant("U", "EXECUTE", Securable(scope, "P", "O", "N"), True)])
    _, *lines = OracleAdapter().build_change(AccountState(state.account), state) or [""]
    _, *back = OracleAdapter().build_change(state, AccountState(state.account)) or [""]
    if scope in BY_PACKAGE or scope not in KEYWORDS.keys() | PLAIN:
        assert lines == back == []
        (line,) = OracleAdapter().build_change(AccountState(state.account), state)
        assert line.startswith(f"-- GRANT EXECUTE on {scope} P.O.N for U: ")
        assert BY_PACKAGE.get(scope, "the catalog does not say") in line
        return
    name = '"N"' if scope in ("directory", "edition", "user") else '"O"."N"'
    target = f"{KEYWORDS[scope]} {name}" if scope in KEYWORDS else name
    assert lines == [f'GRANT EXECUTE ON {target} TO "U" WITH GRANT OPTION;']
    assert back == [f'REVOKE EXECUTE ON {target} FROM "U";']


# an independent parser

UNKNOWN_TO_SQLFLUFF = {
    "ALTER USER": "its grammar of ALTER USER knows passwords only",
    "NO AUTHENTICATION": "its grammar names a keyword that its dialect lacks, and gives up",
    "IDENTIFIED USING": "its CREATE ROLE knows passwords only",
    "PROPERTY GRAPH": "newer than its grammar (SQL property graphs, 23ai)",
}
"""What sqlfluff's dialect of Oracle does not know (4.5), by words of the statement."""


@cache
def get_linter() -> Linter:
    return Linter(dialect="oracle")


def find_unparsable(statement: str) -> str | None:
    parsed = get_linter().parse_string(statement)
    violations = "; ".join(str(item) for item in parsed.violations)
    return violations or (None if parsed.tree else "no tree")


def draw_population() -> list[str]:
    """Build a script line for each scope and option: all that grants, and all that takes back."""
    names = {"schema": "O", "object": "N", "column": "C", "database": "P"}
    lines: list[str] = []
    for scope, category in sorted(CATEGORIES.items()):
        privilege = {"role": MEMBER, "database_role": MEMBER, "tablespace": "QUOTA 1024"}.get(scope, "EXECUTE")
        securable = Securable(scope, **{level: names[level] for level in category.levels})
        for option in (False, True):
            held = AccountState.of(Account("U", Kind.ROLE), [Grant("U", privilege, securable, option)])
            lines += OracleAdapter().build_change(AccountState(held.account), held)
            lines += OracleAdapter().build_change(held, AccountState(held.account))
    for name in ("x y", "o'brien", "&a", "x--", "ж"):
        lines += OracleAdapter().build_script(put_into(make_states(name), "CDB$ROOT"))
    return sorted({line for line in lines if not line.startswith("--")})


KNOWN = [line for line in draw_population() if not any(words in line for words in UNKNOWN_TO_SQLFLUFF)]


@pytest.mark.parametrize("line", KNOWN)
def test_every_line_is_oracle_sql_to_an_independent_parser(line: str) -> None:
    assert find_unparsable(line) is None


@pytest.mark.parametrize("name", [name for name in OF_ALL if name != "read_only"])
def test_every_statement_of_the_catalog_is_too(name: str) -> None:
    assert find_unparsable(OF_ALL[name] + ";") is None
    assert name not in OF_ONE or find_unparsable(OF_ONE[name] + ";") is None
