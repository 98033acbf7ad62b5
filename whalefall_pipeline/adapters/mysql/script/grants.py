"""The SQL that re-creates accounts, roles and grants, or takes one account from one state to another. Pure."""

from collections.abc import Iterable, Iterator, Mapping

from whalefall_pipeline.adapters.mysql.mysql import DYNAMIC, GRANTED, MANDATORY
from whalefall_pipeline.adapters.mysql.names import USAGE, Flavour, quote, quote_account
from whalefall_pipeline.adapters.mysql.rows import DEFAULT
from whalefall_pipeline.adapters.mysql.script import accounts
from whalefall_pipeline.core.model import SERVER, AccountState, Grant, Kind

RESTRICTION = "restriction"
ORDER = (
    SERVER, DYNAMIC, RESTRICTION, "database", "table", "column", "function", "procedure", "package", "package_body",
    "library", "proxy",
)  # fmt: skip
NO_SQL = "ACCESS BIT "

Target = tuple[int, str, bool]
"""A place in ORDER, what stands after ON, and (where it is each privilege's own) the grant option."""

Held = dict[Target, dict[str, bool]]
"""The privileges that an account holds on each target, with their grant options."""


def build_script(states: Mapping[str, AccountState]) -> list[str]:
    """See `Adapter.build_script`: accounts first, then memberships and default roles, then grants.

    Accounts that every server has by itself (`mysql.sys` and the like) are left out.
    """
    ordered = [states[name] for name in sorted(states) if not states[name].account.attributes.get("built_in")]
    statements = [line for state in ordered for line in accounts.create(state.account)]
    statements += [line for state in ordered for line in _give_roles(state)]
    statements += [line for state in ordered for line in _set_default_roles(None, state)]
    statements += [line for state in ordered for line in _change_grants(None, state)]
    statements += [line for state in ordered for line in accounts.expire(state.account)]
    return statements + [line for state in ordered for line in _leave_role(state, ordered)]


def build_change(before: AccountState | None, after: AccountState | None) -> list[str]:
    """See `Adapter.build_change`."""
    if after is None:
        return [accounts.drop(before.account)] if before else []
    if before is None:
        return build_script({after.account.username: after})
    return [
        *accounts.alter(before.account, after.account),
        *_take_roles(before, after),
        *_change_grants(before, after),
        *_give_roles(after, before),
        *_set_default_roles(before, after),
    ]


def _flavour(state: AccountState) -> Flavour:
    return accounts.flavour_of(state.account)


def _spell(state: AccountState) -> str:
    return quote_account(state.account.username, _flavour(state))


def _granted_roles(state: AccountState | None) -> dict[str, bool]:
    """Give the roles that were granted to the account itself, with their admin options."""
    return {
        item.role: item.admin_option
        for item in (state.memberships if state else ())
        if MANDATORY not in item.options or GRANTED in item.options
    }


def _give_roles(after: AccountState, before: AccountState | None = None) -> Iterator[str]:
    held = _granted_roles(before)
    for role, admin in _granted_roles(after).items():
        if held.get(role) is not admin:
            option = " WITH ADMIN OPTION" if admin else ""
            yield f"GRANT {quote_account(role, _flavour(after))} TO {_spell(after)}{option};"


def _take_roles(before: AccountState, after: AccountState) -> Iterator[str]:
    kept = _granted_roles(after)
    for role, admin in _granted_roles(before).items():
        if role not in kept or (admin and not kept[role]):
            yield f"REVOKE {quote_account(role, _flavour(before))} FROM {_spell(before)};"


def _set_default_roles(before: AccountState | None, after: AccountState) -> Iterator[str]:
    wanted, given = (
        sorted(item.securable.object for item in state.held if item.privilege == DEFAULT) if state else []
        for state in (after, before)
    )
    if wanted != given:
        flavour = _flavour(after)
        roles = ", ".join(quote_account(role, flavour) for role in wanted) or "NONE"
        yield f"SET DEFAULT ROLE {roles} {'FOR' if flavour == 'mariadb' else 'TO'} {_spell(after)};"


def _leave_role(role: AccountState, states: list[AccountState]) -> Iterator[str]:
    """MariaDB makes whoever creates a role its administrator; undo that where no user is to be one."""
    account = role.account
    if _flavour(role) != "mariadb" or account.kind is not Kind.ROLE:
        return
    if not any(_granted_roles(state).get(account.username) for state in states if state.account.kind is Kind.USER):
        yield f"REVOKE {_spell(role)} FROM CURRENT_USER;"


def _change_grants(before: AccountState | None, after: AccountState) -> Iterator[str]:
    held, wanted = _held(before), _held(after)
    grantee = _spell(after)
    for target in sorted(held.keys() | wanted.keys(), reverse=True):
        yield from _in_its_mode(target, _take(target, held.get(target, {}), wanted.get(target, {}), grantee))
    for target in sorted(wanted):
        left = _left_on_columns(target, held, wanted)
        yield from _in_its_mode(target, _give(target, left, wanted[target], grantee))


def _left_on_columns(target: Target, held: Held, wanted: Held) -> dict[str, bool]:
    """Give what an account still holds on a target; a privilege revoked on a table goes on its columns too."""
    place, on, option = target
    here = held.get(target, {})
    if ORDER[place] != "column":
        return here
    table = (ORDER.index("table"), on, option)
    lost = held.get(table, {}).keys() - wanted.get(table, {}).keys()
    return {name: held_option for name, held_option in here.items() if name.split(" (")[0] not in lost}


def _in_its_mode(target: Target, statements: Iterable[str]) -> Iterator[str]:
    """Before 11, MariaDB's grammar knows the word PACKAGE in its Oracle mode only."""
    lines = list(statements)
    if lines and ORDER[target[0]].startswith("package"):
        lines = ["SET SESSION sql_mode = 'ORACLE';", *lines, "SET SESSION sql_mode = DEFAULT;"]
    yield from lines


def _take(target: Target, held: Mapping[str, bool], wanted: Mapping[str, bool], grantee: str) -> Iterator[str]:
    place, on, _ = target
    lost = sorted(held.keys() - wanted.keys() - {USAGE})
    if lost and ORDER[place] == RESTRICTION:
        yield f"GRANT {', '.join(lost)} ON {on} TO {grantee}; -- takes the partial revoke back"
        return
    if lost:
        yield f"REVOKE {', '.join(lost)} ON {on} FROM {grantee};"
    if any(held.values()) and not any(wanted.values()) and ORDER[place] not in {DYNAMIC, "proxy"}:
        yield f"REVOKE GRANT OPTION ON {on} FROM {grantee};"


def _give(target: Target, held: Mapping[str, bool], wanted: Mapping[str, bool], grantee: str) -> Iterator[str]:
    place, on, _ = target
    gained = sorted(wanted.keys() - held.keys() - {USAGE})
    unspoken = [name for name in gained if name.startswith(NO_SQL)]
    if unspoken:
        yield f"-- {grantee} holds {', '.join(unspoken)} on {on}, which has no name in SQL here"
    gained = [name for name in gained if name not in unspoken]
    if gained and ORDER[place] == RESTRICTION:
        yield f"REVOKE {', '.join(gained)} ON {on} FROM {grantee}; -- needs partial_revokes = ON"
        return
    option = any(wanted.values())
    if gained or (option and not any(held.values())):
        yield f"GRANT {', '.join(gained) or USAGE} ON {on} TO {grantee}{' WITH GRANT OPTION' if option else ''};"


def _held(state: AccountState | None) -> Held:
    held: Held = {}
    for grant in sorted(state.grants) if state else []:
        scope = RESTRICTION if grant.effect == "revoke" else grant.securable.scope
        if scope in ORDER:
            own_option = scope in {DYNAMIC, "proxy"} and grant.grant_option
            target = (ORDER.index(scope), _spell_target(grant), own_option)
            held.setdefault(target, {})[_spell_privilege(grant)] = grant.grant_option
    return held


def _spell_privilege(grant: Grant) -> str:
    column = grant.securable.column
    return f"{grant.privilege} ({quote(column)})" if column else grant.privilege


def _spell_target(grant: Grant) -> str:
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
