"""The SQL that makes an account a member of roles, sets its default roles, and takes both back. Pure."""

from collections.abc import Iterable, Iterator

from whalefall_pipeline.adapters.mysql.mysql import GRANTED, MANDATORY
from whalefall_pipeline.adapters.mysql.names import PUBLIC, Address, quote_account, to_address
from whalefall_pipeline.adapters.mysql.rows import DEFAULT
from whalefall_pipeline.adapters.mysql.script.accounts import flavour_of
from whalefall_pipeline.adapters.mysql.script.lines import choose, comment, to_literal
from whalefall_pipeline.core.model import MEMBER, AccountState, Kind

IS_MEMBER = {
    "mysql": (
        "EXISTS (SELECT 1 FROM mysql.role_edges WHERE from_user = {role.user} AND from_host = {role.host}"
        " AND to_user = {member.user} AND to_host = {member.host})"
    ),
    "mariadb": (
        "EXISTS (SELECT 1 FROM mysql.roles_mapping WHERE Role = {role.user}"
        " AND User = {member.user} AND Host = {member.host})"
    ),
}
CURRENT_HOST_PART = "SUBSTRING_INDEX(CURRENT_USER(), '@', -1)"
CURRENT_USER_PART = f"LEFT(CURRENT_USER(), CHAR_LENGTH(CURRENT_USER()) - CHAR_LENGTH({CURRENT_HOST_PART}) - 1)"


def find_roles(state: AccountState | None) -> dict[str, bool]:
    """Return the roles that were granted to the account itself, with their admin options."""
    return {
        item.role: item.admin_option
        for item in (state.memberships if state else ())
        if (MANDATORY not in item.options or GRANTED in item.options) and _is_member(state, item.role)
    }


def _is_member(state: AccountState | None, role: str) -> bool:
    """Whether it is more than a default role: MariaDB keeps one that was revoked."""
    return any(item.privilege == MEMBER and item.securable.object == role for item in (state.held if state else ()))


def build_role_grants(after: AccountState, before: AccountState | None = None) -> Iterator[str]:
    """Grant the roles that the account is to have, and did not have before."""
    held = find_roles(before)
    for role, admin in find_roles(after).items():
        if held.get(role) is not admin:
            option = " WITH ADMIN OPTION" if admin else ""
            yield f"GRANT {_quote(after, role)} TO {_quote(after)}{option};"


def take_roles(before: AccountState, after: AccountState) -> Iterator[str]:
    """Revoke the roles that the account is not to have; one that was dropped meanwhile is gone anyhow."""
    kept = find_roles(after)
    flavour = flavour_of(before.account)
    for role, admin in find_roles(before).items():
        if role not in kept or (admin and not kept[role]):
            statement = f"REVOKE {_quote(before, role)} FROM {_quote(before)};"
            member = IS_MEMBER[flavour].format(role=_to_literals(role), member=_to_literals(before.account.username))
            yield comment(statement)
            yield from choose(member, statement)


def set_default_roles(before: AccountState | None, after: AccountState) -> Iterator[str]:
    """Set the default roles where they are to be others; one that is not granted is left out and said."""
    wanted, given = (_find_default_roles(state) for state in (after, before))
    idle = [role for role in wanted if role not in find_roles(after)]
    for role in idle:
        yield comment(f"{_quote(after, role)} is a default role of {_quote(after)}, but not granted to it by itself")
    wanted = [role for role in wanted if role not in idle]
    if wanted == given:
        return
    roles = ", ".join(_quote(after, role) for role in wanted) or "NONE"
    if flavour_of(after.account) == "mariadb":
        yield f"SET DEFAULT ROLE {roles} FOR {_quote(after)};"
    else:
        yield f"ALTER USER {_quote(after)} DEFAULT ROLE {roles};"


def leave_role(role: AccountState, states: Iterable[AccountState]) -> Iterator[str]:
    """MariaDB makes whoever creates a role its administrator; undo that, unless whoever it is has it by right."""
    account = role.account
    if flavour_of(account) != "mariadb" or account.kind is not Kind.ROLE:
        return
    holders = {state.account.username: find_roles(state).get(account.username) for state in states}
    members = [name for name, admin in holders.items() if admin is False]
    admins = [name for name, admin in holders.items() if admin]
    name = _quote(role)
    yield comment(f"{name} was made with whoever runs this as its administrator")
    if members:
        yield from choose(_is_one_of(members), f"REVOKE ADMIN OPTION FOR {name} FROM CURRENT_USER;")
    own = IS_MEMBER["mariadb"].format(
        role=_to_literals(account.username),
        member=Address(CURRENT_USER_PART, CURRENT_HOST_PART),
    )
    condition = f"NOT {_is_one_of([*members, *admins])} AND {own}" if holders else own
    yield from choose(condition, f"REVOKE {name} FROM CURRENT_USER;")


def list_mandatory(states: Iterable[AccountState]) -> list[str]:
    """Return a comment that says which roles are everybody's by the server's own setting, where there are any."""
    roles = {_quote(state, item.role) for state in states for item in state.memberships if MANDATORY in item.options}
    if not roles:
        return []
    listed = ", ".join(sorted(roles))
    return [comment(f"everybody has these roles by the setting mandatory_roles, which is not part of this: {listed}")]


def _find_default_roles(state: AccountState | None) -> list[str]:
    return sorted(item.securable.object for item in state.held if item.privilege == DEFAULT) if state else []


def _is_one_of(usernames: list[str]) -> str:
    return f"CURRENT_USER() IN ({', '.join(to_literal(name) for name in usernames)})" if usernames else "FALSE"


def _to_literals(username: str) -> Address:
    user, host = to_address(username)
    return Address(to_literal(user), to_literal(host))


def _quote(state: AccountState, name: str | None = None) -> str:
    return quote_account(name or state.account.username, flavour_of(state.account))


def is_nameable(state: AccountState) -> bool:
    """Whether statements can name the account: not one that stands for rows that hold for everybody."""
    return state.account.kind is not Kind.PUBLIC or state.account.username == PUBLIC
