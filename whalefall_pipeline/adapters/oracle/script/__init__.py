"""Builds the SQL that makes accounts and their grants again, or takes one account from one state to another. Pure.

What comes out is for SQL*Plus, SQLcl and the like: each statement ends with a semicolon, and substitution by `&` is
switched off first. What has no safe form is left out, and a comment says so.

Statements are for an administrator (DBA, in the root with CONTAINER_DATA): whoever runs CREATE ROLE is granted that
role by Oracle. A user with a password is made without one (`NO AUTHENTICATION`, Oracle 18c and later) and followed by
the comment that sets it. Where the states are those of a whole container database, `ALTER SESSION SET CONTAINER` goes
before the statements of each container.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import NamedTuple

from whalefall_pipeline.adapters.oracle import rules
from whalefall_pipeline.adapters.oracle.names import UnsafeNameError, quote, to_comment, to_lines
from whalefall_pipeline.adapters.oracle.script.accounts import build_alter, build_create, build_drop, home_of
from whalefall_pipeline.adapters.oracle.script.grants import Place, Unit, build_grants, build_revoke, to_unit
from whalefall_pipeline.core.model import Account, AccountState, Grant, Held, Kind

Units = dict[Unit, set[Grant]]
HEAD = "SET DEFINE OFF;"
INHERIT = "INHERIT PRIVILEGES"
"""What each new user lets PUBLIC do by itself (SQL Language Reference, "GRANT")."""


class _Step(NamedTuple):
    """One statement, the container that it runs in, and its turn in there."""

    container: str
    turn: int
    statement: str


REVOKE, MAKE_ROLE, MAKE_USER, GRANT, DEFAULT_ROLES, DROP = range(6)


def build_script(states: Mapping[str, AccountState]) -> list[str]:
    """Build the statements for an empty server: roles, users, quotas, grants, default roles.

    What Oracle maintains is there already, and of it only what concerns objects and roles of others is granted.
    """
    ordered = [states[username] for username in sorted(states)]
    place = _place_of(state.account for state in ordered)
    given = {state.account.username for state in ordered if state.account.attributes.get("oracle_maintained")}
    steps = [step for state in ordered for step in _build_account(state, given, place)]
    if rules.PUBLIC in states:
        steps += _take_back_given(ordered, states[rules.PUBLIC], given, place)
    return _join(steps)


def build_change(before: AccountState | None, after: AccountState | None) -> list[str]:
    """Build the statements from one state of an account to another; None is an account that is not there."""
    state = after or before
    if state is None:
        return []
    place = _place_of([state.account])
    home = place.container(home_of(state.account))
    named = f"account {state.account.username}"
    if after is None:
        return _join(_write(home, DROP, f"{named} is dropped", lambda: [build_drop(state.account, place)]))
    old = _units_of(before.grants) if before else Units()
    new = _units_of(after.grants)
    steps = [*_build_differences(after.account.username, old, new, place)]
    if before is None:
        turn = MAKE_ROLE if after.account.kind is Kind.ROLE else MAKE_USER
        steps += _write(home, turn, named, lambda: build_create(after.account, place))
    else:
        steps += _write(home, MAKE_USER, named, lambda: build_alter(before.account, after.account, place))
    if _roles_of(old) != _roles_of(new):
        steps += _build_default_roles(after, place, always=before is not None)
    return _join(steps)


def find_gaps(before: AccountState | None, after: AccountState | None) -> list[str]:
    """Return in one line that code which runs with the account's rights differs: its text is not kept."""
    old, new = (_find_code(state) for state in (before, after))
    code = sorted(str(item.securable) for item in old ^ new)
    state = after or before
    if not code or state is None:
        return []
    more = f" and {len(code) - 3} more" if len(code) > 3 else ""
    return [
        f"{state.account.username}: no grant makes code run with its rights, or ends that: {', '.join(code[:3])}{more}"
    ]


def _find_code(state: AccountState | None) -> set[Held]:
    return {item for item in (state.held if state else ()) if item.securable.scope == rules.DEFINER}


def _place_of(accounts: Iterable[Account]) -> Place:
    return Place(is_root=any("container" in account.attributes for account in accounts))


def _join(steps: Iterable[_Step]) -> list[str]:
    statements: list[str] = []
    current = ""
    for step in sorted(steps, key=lambda step: (step.container != rules.ROOT, step.container, step.turn)):
        if step.container and step.container != current:
            statements.append(f"ALTER SESSION SET CONTAINER = {quote(step.container)};")
            current = step.container
        statements.append(step.statement)
    is_any = any(not statement.startswith("--") for statement in statements)
    return [HEAD, *statements] if is_any else statements


def _write(container: str, turn: int, what: str, build: Callable[[], Iterable[str]]) -> Iterator[_Step]:
    """Yield what `build` returns as it stands in the script, or the comment that it is left out."""
    try:
        if container:
            quote(container)
        for line in [line if line.startswith("--") else to_lines(line) for line in build()]:
            yield _Step(container, turn, line)
    except UnsafeNameError as error:
        yield _Step("", turn, to_comment(f"left out: {what}: {error}"))


def _build_account(state: AccountState, given: Collection[str], place: Place) -> Iterator[_Step]:
    account = state.account
    turn = MAKE_ROLE if account.kind is Kind.ROLE else MAKE_USER
    home = place.container(home_of(account))
    yield from _write(home, turn, f"account {account.username}", lambda: build_create(account, place))
    wanted = state.grants
    if account.username in given:
        wanted = frozenset(g for g in wanted if _is_of_others(g, given) and not _comes_with_user(g))
    for unit, grants in sorted(_units_of(wanted).items()):
        yield from _write_grants(account.username, unit, grants, place)
    yield from _build_default_roles(AccountState.of(account, wanted), place, always=False)


def _write_grants(username: str, unit: Unit, grants: Collection[Grant], place: Place) -> Iterator[_Step]:
    container = place.container(unit.securable.database)
    yield from _write(container, GRANT, _name(unit, username), lambda: build_grants(unit, grants, place))


def _name(unit: Unit, username: str) -> str:
    return f"{unit.privilege or unit.part} on {unit.securable} for {username}"


def _is_of_others(grant: Grant, given: Collection[str]) -> bool:
    """Return whether a grant to an account that Oracle maintains is not one that Oracle made."""
    scope, _, schema, name, _ = grant.securable
    if scope in ("role", "database_role"):
        return name not in given
    if scope in ("directory", "user"):
        return name not in given and schema == "SYS"
    return bool(schema) and schema not in given


def _comes_with_user(grant: Grant) -> bool:
    return grant[:2] == (rules.PUBLIC, INHERIT) and grant.securable.scope == "user"


def _take_back_given(
    states: Iterable[AccountState], public: AccountState, given: Collection[str], place: Place
) -> Iterator[_Step]:
    """Take from PUBLIC what CREATE USER gives it, where it is not held."""
    held = {(grant.securable.database, grant.securable.object) for grant in public.grants if _comes_with_user(grant)}
    for account in (state.account for state in states):
        home = home_of(account)
        is_made = account.kind is Kind.USER and account.username not in given and _is_made(account, place)
        name = account.username.removeprefix(f"{home}.") if place.is_root else account.username
        if is_made and name not in {held_name for database, held_name in held if not home or database == home}:
            yield from _write(
                place.container(home),
                GRANT,
                f"{INHERIT} on user {account.username}",
                partial(_revoke_inherit, name, place, home),
            )


def _is_made(account: Account, place: Place) -> bool:
    """Return whether a script makes this account."""
    try:
        return any(not line.startswith("--") for line in build_create(account, place))
    except UnsafeNameError:
        return False


def _revoke_inherit(name: str, place: Place, home: str) -> list[str]:
    return [f"REVOKE {INHERIT} ON USER {quote(name)} FROM {rules.PUBLIC}{place.clause(home)}"]


def _units_of(grants: Iterable[Grant]) -> Units:
    units = Units()
    for grant in grants:
        units.setdefault(to_unit(grant), set()).add(grant)
    return units


def _build_differences(username: str, old: Units, new: Units, place: Place) -> Iterator[_Step]:
    for unit in sorted(old.keys() | new.keys()):
        lost, gained = (_without_default(side) for side in (old.get(unit, set()), new.get(unit, set())))
        if lost == gained:
            continue
        container = place.container(unit.securable.database)
        if lost - gained and not (gained and unit.part == rules.QUOTAS):
            yield from _write(container, REVOKE, _name(unit, username), partial(_revoke, unit, username, place))
        yield from _write_grants(username, unit, gained, place)


def _revoke(unit: Unit, username: str, place: Place) -> list[str]:
    return [build_revoke(unit, username, place)]


def _without_default(grants: Collection[Grant]) -> set[Grant]:
    return {grant for grant in grants if grant.privilege != "DEFAULT" or to_unit(grant).part != rules.ROLES}


def _roles_of(units: Units) -> dict[Unit, set[Grant]]:
    return {unit: grants for unit, grants in units.items() if unit.part == rules.ROLES}


def _build_default_roles(state: AccountState, place: Place, *, always: bool) -> Iterator[_Step]:
    """Build which roles a user has from login on; needed where it is not all of them, or where that has changed."""
    if state.account.kind is not Kind.USER:
        return
    by_database: dict[str, dict[str, bool]] = {}
    for membership in state.memberships:
        by_database.setdefault(membership.database, {})[membership.role] = "DEFAULT" in membership.options
    for database, roles in sorted(by_database.items()):
        if all(roles.values()) and not always:
            continue
        build = partial(_set_default_roles, state.account.username, database, roles, place)
        yield from _write(place.container(database), DEFAULT_ROLES, f"default roles of {state.account.username}", build)


def _set_default_roles(username: str, database: str, roles: Mapping[str, bool], place: Place) -> list[str]:
    defaults = [place.name(role, database) for role, is_default in sorted(roles.items()) if is_default]
    listed = "ALL" if len(defaults) == len(roles) else ", ".join(defaults) or "NONE"
    return [f"ALTER USER {place.name(username, database)} DEFAULT ROLE {listed}{place.clause(database)}"]
