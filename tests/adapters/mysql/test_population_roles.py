"""The same population with partial revokes and mandatory roles, and what MySQL says that each holds with each role."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple, cast

import pymysql
import pytest

from tests.adapters.mysql.servers import read
from tests.adapters.mysql.test_population import ROLE_KINDS, build_population, list_grantees, list_roles
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.mysql.names import USAGE, quote, quote_account, to_address, to_username
from whalefall_pipeline.core.model import MEMBER, SERVER, Grant, Held
from whalefall_pipeline.core.states import add_implied_roles, build_states

RESTRICTED = (
    ("INSERT, SELECT", "wf_other"),
    ("SELECT", "wf_app"),
    ("CREATE", r"app\_%"),
    ("INSERT, UPDATE, DELETE", "mysql"),
    ("SELECT", "Wf`Mixed"),
)
"""What is revoked in part, where a grantee holds it on the whole server."""
ALL_OF_TABLE = (
    *("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "REFERENCES", "INDEX", "ALTER", "CREATE VIEW"),
    *("SHOW VIEW", "TRIGGER"),
)
"""What SHOW GRANTS calls ALL PRIVILEGES on a table; https://dev.mysql.com/doc/refman/9.7/en/grant.html."""
WHOLE = "GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON *.* TO "
MANDATORY = ("readers@%", "wr`iters+@%")
_GRANT = re.compile(r"(GRANT|REVOKE) (.+) ON (.+?) (?:TO|FROM) (`.*?`@`.*?`)( WITH GRANT OPTION)?$")
_WORD = re.compile(r"([A-Z_ ]+?)(?: \((.+?)\))?(?:, ?|$)")
_COLUMN = re.compile(r"`((?:[^`]|``)+)`")


class Shown(NamedTuple):
    """What holds on one thing: privileges (with their column), and those that are taken; the option is for all."""

    words: set[tuple[str, str]]
    taken: set[str]
    options: set[str]


Everything = Mapping[str, Shown]


def build_all(server: MysqlServer) -> Iterator[str]:
    yield from build_population(server)
    for name in list_grantees("mysql"):
        grantee = quote_account(name, "mysql")
        yield WHOLE + grantee
        for words, database in RESTRICTED:
            yield f"REVOKE {words} ON {quote(database)}.* FROM {grantee}"
    yield f"GRANT SELECT ON {quote('wf_other')}.* TO {quote_account('readers@%', 'mysql')}"  # lifts it for this role
    yield f"GRANT SELECT, INSERT ON `plain`.* TO {quote_account('readers+@%', 'mysql')}"


def _empty() -> defaultdict[str, Shown]:
    return defaultdict(lambda: Shown(set(), set(), set()))


def list_held(grants: Iterable[Grant]) -> Everything:
    """Return what a reading says of one grantee by what it is on, spelled as SHOW GRANTS does."""
    found = _empty()
    for grant in grants:
        scope, database, _, name, column = grant.securable
        if scope in {"role", "proxy"}:
            continue
        on = {SERVER: "*.*", "dynamic": "dynamic", "database": f"{quote(database)}.*"}.get(scope, "")
        on = on or ("" if scope in {"table", "column"} else f"{scope.upper()} ") + f"{quote(database)}.{quote(name)}"
        if grant.effect == "revoke":
            found[on].taken.add(grant.privilege)
            continue
        if grant.privilege != USAGE:
            found[on].words.add((grant.privilege, column))
        if grant.grant_option:
            found[on].options.add(grant.privilege if scope == "dynamic" else "")
    return found


def read_shown(server: MysqlServer, name: str, role: str = "") -> Everything:
    found = _empty()
    using = f" USING {quote_account(role, 'mysql')}" if role else ""
    for (text,) in cast("list[tuple[str]]", server.query(f"SHOW GRANTS FOR {quote_account(name, 'mysql')}{using}")):
        matched = _GRANT.match(text)
        if not matched or matched[2] == "PROXY":
            continue
        verb, listed, on, _, option = matched.groups()
        words = {
            (word.strip(), part.replace("``", "`"))
            for word, columns in cast("list[tuple[str, str]]", _WORD.findall(listed))
            for part in (_COLUMN.findall(columns) if columns else [""])
        } - {(USAGE, "")}
        if ("ALL PRIVILEGES", "") in words:
            assert on.count("`.`") == 1, "only a table's are not listed"
            words = {(word, "") for word in ALL_OF_TABLE}
        place = "dynamic" if on == "*.*" and any("_" in word for word, _ in words) else on
        if verb == "REVOKE":
            found[place].taken.update(word for word, _ in words)
        else:
            found[place].words.update(words)
            found[place].options.update(
                [] if not option else [word for word, _ in words] if place == "dynamic" else [""]
            )
    return {on: shown for on, shown in found.items() if any(shown)}


def as_shown(everything: Everything) -> Everything:
    """Leave out what SHOW GRANTS does not print: privileges on columns of a table on which all are held."""
    all_of_it = {(word, "") for word in ALL_OF_TABLE}
    return {
        on: shown._replace(words=all_of_it) if shown.words >= all_of_it and on.count("`.`") else shown
        for on, shown in everything.items()
    }


def add_up(parts: list[Everything]) -> Everything:
    """Return what holds where several accounts' privileges add up.

    A partial revoke is of one account's privileges on the whole server: it ends where another one's reach there.
    """
    found = _empty()
    for part in parts:
        for on, shown in part.items():
            found[on].words.update(shown.words)
            found[on].options.update(shown.options)
    for on in {on for part in parts for on in part}:
        for word in {word for part in parts if on in part for word in part[on].taken}:
            if not any(_reaches(part, on, word) for part in parts):
                found[on].taken.add(word)
    return {on: shown for on, shown in found.items() if any(shown)}


def _reaches(part: Everything, on: str, word: str) -> bool:
    nothing = Shown(set(), set(), set())
    there = part.get(on, nothing)
    return (word, "") in there.words or ((word, "") in part.get("*.*", nothing).words and word not in there.taken)


@pytest.fixture
def populated(mysql: MysqlServer) -> Iterator[MysqlServer]:
    mysql.execute(*build_all(mysql))
    mandatory = ", ".join(quote_account(name, "mysql") for name in MANDATORY)
    mysql.execute(f"SET GLOBAL mandatory_roles = {quote_text(mandatory)}")
    yield mysql
    mysql.execute("SET GLOBAL mandatory_roles = ''")


def quote_text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def test_the_server_says_the_same_of_what_is_revoked_in_part(populated: MysqlServer) -> None:
    _, reading = read(populated)
    by_grantee = group(reading.grants)
    for name in list_grantees("mysql"):
        assert list_held(by_grantee[name]) == read_shown(populated, name), name
        assert sum(len(shown.taken) for shown in list_held(by_grantee[name]).values()) >= 5, name


def group(grants: Iterable[Grant]) -> Mapping[str, list[Grant]]:
    grouped: defaultdict[str, list[Grant]] = defaultdict(list)
    for grant in grants:
        grouped[grant.grantee].append(grant)
    return grouped


def test_the_server_adds_up_what_roles_hold_as_a_reading_says(populated: MysqlServer) -> None:
    accounts, reading = read(populated)
    by_grantee = group(reading.grants)
    states, _ = build_states(list(accounts.values()), reading.held)
    implied = add_implied_roles(states, populated.adapter.rules, reading.attributes or {})
    compared = 0
    for name, (kind, _) in list_grantees("mysql").items():
        for role in sorted(list_direct(implied[name].held)) if kind not in ROLE_KINDS else []:
            active = {role} | reach({role}, {each: list_direct(state.held) for each, state in implied.items()})
            ours = add_up([list_held(by_grantee[each]) for each in sorted({name, *active})])
            assert as_shown(ours) == read_shown(populated, name, role), (name, role)
            compared += 1
    assert compared > 2 * len([kind for kind, _ in list_grantees("mysql").values() if kind not in ROLE_KINDS])


def list_direct(held: Iterable[Held]) -> set[str]:
    return {item.securable.object for item in held if item.privilege == MEMBER}


def reach(roles: set[str], direct: Mapping[str, set[str]]) -> set[str]:
    found = set(roles)
    while more := {role for each in found for role in direct[each]} - found:
        found |= more
    return found


@pytest.mark.parametrize("name", ["ann@%", "ann+@%", "o'brien@localhost", "o'brien*@localhost"])
def test_whoever_logs_in_has_the_roles_that_a_reading_says(populated: MysqlServer, name: str) -> None:
    accounts, reading = read(populated)
    states, _ = build_states(list(accounts.values()), reading.held)
    state = add_implied_roles(states, populated.adapter.rules, reading.attributes or {})[name]
    user = to_address(name).user
    link = pymysql.connect(host=populated.instance.host, port=populated.instance.port, user=user)
    with link, link.cursor() as cursor:
        cursor.execute(
            "SELECT role_name, role_host, is_mandatory FROM information_schema.applicable_roles"
            " WHERE CONCAT(grantee, '@', grantee_host) = CURRENT_USER()"
        )
        rows = cast("list[tuple[str, str, str]]", list(cursor.fetchall()))
    shown = {(to_username(role, host, "mysql"), mandatory == "YES") for role, host, mandatory in rows}
    held = {(item.role, bool({"MANDATORY"} & item.options)) for item in state.memberships}
    assert {role for role, _ in shown} == {role for role, _ in held} >= set(MANDATORY)
    assert {role for role, is_mandatory in held if is_mandatory} == set(MANDATORY)
    assert set(list_roles("mysql")) >= set(MANDATORY)
