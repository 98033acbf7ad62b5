"""The SQL that grants and revokes privileges. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from whalefall_pipeline.adapters.mysql.definers import DEFINER
from whalefall_pipeline.adapters.mysql.mysql import DYNAMIC
from whalefall_pipeline.adapters.mysql.names import USAGE, quote, quote_account
from whalefall_pipeline.adapters.mysql.script.accounts import flavour_of
from whalefall_pipeline.adapters.mysql.script.lines import MODES, comment, is_privilege, prepare, to_mode_line
from whalefall_pipeline.core.model import SERVER, AccountState, Grant, Held

RESTRICTION = "restriction"
ORDER = (
    SERVER, DYNAMIC, RESTRICTION, "database", "table", "column", "function", "procedure", "package", "package_body",
    "library", "proxy",
)  # fmt: skip
OWN_OPTION = frozenset({DYNAMIC, "proxy"})
NO_SQL = "ACCESS BIT "
STATIC_WORDS = frozenset(
    {
        *("ALL", "USAGE", "PROXY", "SUPER", "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP", "RELOAD"),
        *("SHUTDOWN", "PROCESS", "FILE", "REFERENCES", "INDEX", "ALTER", "EXECUTE", "EVENT", "TRIGGER"),
    }
)
"""Words that would mean something else if a restored table had them for a dynamic privilege."""
NEEDS_PARTIAL_REVOKES = "partial_revokes is OFF on this server; SET PERSIST partial_revokes = ON, then run this again"

ObjectKey = tuple[int, str, bool]
"""A place in ORDER, what stands after ON, and (where it is each privilege's own) the grant option."""

Privileges = Mapping[str, bool]
"""Privileges on one object, with their grant options."""


def change_grants(before: AccountState | None, after: AccountState) -> Iterator[str]:
    """Revoke what an account is not to hold, narrow scopes first, then grant what it does not hold, wide ones first."""
    held, wanted = _list_privileges(before), _list_privileges(after)
    grantee = _quote(after)
    if any(ORDER[place] == DYNAMIC and option for place, _, option in held.keys() - wanted.keys()):
        yield "FLUSH PRIVILEGES;"  # MySQL 9.7 takes what was granted after REVOKE GRANT OPTION for granted still
    for key in sorted(held.keys() | wanted.keys(), reverse=True):
        yield from _in_its_mode(key, _take(key, held.get(key, {}), _find_kept(key, wanted), grantee))
    for key in sorted(wanted):
        left = _find_left(key, held, wanted)
        yield from _in_its_mode(key, _build_grants(key, left, wanted[key], grantee))


def find_unwritten(before: AccountState | None, after: AccountState | None) -> list[str]:
    """Return in one line each which privileges differ and can't be granted or revoked by a statement."""
    states = [state for state in (before, after) if state]
    old, new = (_list_privileges(state, is_written=False) if state else {} for state in (before, after))
    differing = [key for key in sorted(old.keys() | new.keys()) if old.get(key) != new.get(key)]
    return [
        f"{_quote(states[0])}: no statement grants or revokes {name} on {on}"
        for place, on, option in differing
        for name in sorted(old.get((place, on, option), {}).keys() ^ new.get((place, on, option), {}).keys())
    ] + _find_defined(before, after)


def _find_defined(before: AccountState | None, after: AccountState | None) -> list[str]:
    """Return in one line that definers differ: that stands in the objects' own definitions, which are not kept."""
    old, new = (
        {item for item in state.held if item.privilege == DEFINER} if state else set[Held]()
        for state in (before, after)
    )
    objects = sorted(str(item.securable) for item in old ^ new)
    if not objects:
        return []
    more = f" and {len(objects) - 3} more" if len(objects) > 3 else ""
    state = after or before
    who = _quote(state) if state else ""
    return [f"{who}: no grant makes it the definer of objects, or ends that: {', '.join(objects[:3])}{more}"]


def check_partial_revokes(states: Iterable[AccountState]) -> list[str]:
    """Return what stops a script at its beginning on a server that takes no partial revokes, where it has some."""
    if not any(grant.effect == "revoke" for state in states for grant in state.held):
        return []
    return prepare(f"IF(@@GLOBAL.partial_revokes, 'DO 0', '{NEEDS_PARTIAL_REVOKES}')")


def _quote(state: AccountState) -> str:
    return quote_account(state.account.username, flavour_of(state.account))


def _find_kept(key: ObjectKey, wanted: Mapping[ObjectKey, Privileges]) -> Privileges:
    """Return what need not be revoked on an object: GRANT adds an option of its own to what is held without.

    To revoke it first would lose it on MySQL 9.7, where a GRANT right after REVOKE GRANT OPTION is not stored.
    """
    place, on, option = key
    has_own = ORDER[place] in OWN_OPTION and not option
    return {**(wanted.get((place, on, True), {}) if has_own else {}), **wanted.get(key, {})}


def _find_left(
    key: ObjectKey, held: Mapping[ObjectKey, Privileges], wanted: Mapping[ObjectKey, Privileges]
) -> Privileges:
    """Return what an account still holds on an object; a privilege revoked on a table goes on its columns too."""
    place, on, option = key
    here = held.get(key, {})
    if ORDER[place] != "column":
        return here
    table = (ORDER.index("table"), on, option)
    lost = held.get(table, {}).keys() - wanted.get(table, {}).keys()
    return {name: held_option for name, held_option in here.items() if name.split(" (")[0] not in lost}


def _in_its_mode(key: ObjectKey, statements: Iterable[str]) -> Iterator[str]:
    """Before 11, MariaDB's grammar knows the word PACKAGE in its Oracle mode only."""
    lines = list(statements)
    if lines and ORDER[key[0]].startswith("package"):
        mode = MODES["mariadb"]
        lines = [to_mode_line(f"ORACLE,{mode}"), *lines, to_mode_line(mode)]
    yield from lines


def _take(key: ObjectKey, held: Privileges, wanted: Privileges, grantee: str) -> Iterator[str]:
    place, on, _ = key
    lost = sorted(held.keys() - wanted.keys() - {USAGE})
    if lost and ORDER[place] == RESTRICTION:
        yield comment("takes a partial revoke back")
        yield f"GRANT {', '.join(lost)} ON {on} TO {grantee};"
        return
    if lost:
        yield f"REVOKE {', '.join(lost)} ON {on} FROM {grantee};"
    if any(held.values()) and not any(wanted.values()) and ORDER[place] not in OWN_OPTION:
        yield f"REVOKE GRANT OPTION ON {on} FROM {grantee};"


def _build_grants(key: ObjectKey, held: Privileges, wanted: Privileges, grantee: str) -> Iterator[str]:
    place, on, _ = key
    gained = sorted(wanted.keys() - held.keys() - {USAGE})
    if gained and ORDER[place] == RESTRICTION:
        yield comment("a partial revoke")
        yield f"REVOKE {', '.join(gained)} ON {on} FROM {grantee};"
        return
    option = any(wanted.values())
    if gained or (option and not any(held.values())):
        yield f"GRANT {', '.join(gained) or USAGE} ON {on} TO {grantee}{' WITH GRANT OPTION' if option else ''};"


def _list_privileges(state: AccountState | None, *, is_written: bool = True) -> dict[ObjectKey, dict[str, bool]]:
    """Return what an account holds that statements can write, or what they can't."""
    listed: dict[ObjectKey, dict[str, bool]] = {}
    for grant in sorted(state.grants) if state else []:
        scope = RESTRICTION if grant.effect == "revoke" else grant.securable.scope
        if scope in ORDER and _is_writable(grant) is is_written:
            key = (ORDER.index(scope), _build_object(grant), scope in OWN_OPTION and grant.grant_option)
            listed.setdefault(key, {})[_build_privilege(grant)] = grant.grant_option
    return listed


def _is_writable(grant: Grant) -> bool:
    """Whether a statement can name it: restored tables hold privileges without a name, and objects with none."""
    scope, database, _, name, column = grant.securable
    if scope == DYNAMIC:
        return is_privilege(grant.privilege) and grant.privilege not in STATIC_WORDS and " " not in grant.privilege
    needed = {SERVER: (), "proxy": (), "database": (database,), "column": (database, name, column)}
    is_named = all(needed.get(scope, (database, name)))
    return is_named and is_privilege(grant.privilege) and not grant.privilege.startswith(NO_SQL)


def _build_privilege(grant: Grant) -> str:
    column = grant.securable.column
    return f"{grant.privilege} ({quote(column)})" if column else grant.privilege


def _build_object(grant: Grant) -> str:
    scope, database, _, name, _ = grant.securable
    match scope:
        case "server" | "dynamic":
            return "*.*"
        case "database":
            return f"{quote(database)}.*"
        case "table" | "column":
            return f"{quote(database)}.{quote(name)}"
        case "proxy":
            return quote_account(name, "mysql")
        case _:
            return f"{scope.replace('_', ' ').upper()} {quote(database)}.{quote(name)}"
