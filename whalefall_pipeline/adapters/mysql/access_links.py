"""How one account has what another has on MySQL and MariaDB: roles that are on, or can be set, and proxies. Pure."""

from collections.abc import Collection, Iterable, Iterator, Sequence

from whalefall_pipeline.adapters.mysql.access_lookup import Lookup
from whalefall_pipeline.adapters.mysql.mysql import DYNAMIC, MANDATORY
from whalefall_pipeline.adapters.mysql.names import PUBLIC, to_address
from whalefall_pipeline.adapters.mysql.rows import DEFAULT, PROXY
from whalefall_pipeline.core.access.model import Link
from whalefall_pipeline.core.model import MEMBER, SERVER, Held, HeldRole, Json, Kind, Securable

ROLE_ADMIN = "ROLE_ADMIN"
SYSTEM_USER = "SYSTEM_USER"
SUPER = "SUPER"
"""On MySQL it grants roles as ROLE_ADMIN does."""
ACTIVE_MANDATORY = 9
"""The major version from which mandatory roles are on at login (tried on 9.7; not so by the manual of 8.4)."""
MAPPING = frozenset(
    {
        "pam", "auth_pam", "auth_pam_compat", "authentication_pam", "authentication_windows",
        "authentication_ldap_simple", "authentication_ldap_sasl",
    }
)  # fmt: skip
"""Plugins that may let somebody in as another account than the one that was named."""
BY_SETTING = frozenset({"mysql_native_password", "sha256_password", "caching_sha2_password"})
"""Plugins that do so where `check_proxy_users` and a variable of the plugin's name are on."""


def find_login_roles(lookup: Lookup, username: str) -> list[str]:
    """Return the roles that are on as a login begins."""
    if lookup.accounts[username].account.kind is not Kind.USER:
        return []
    return [role.role for role in lookup.list_roles(username) if _is_active(lookup, role)]


class MysqlLinks:
    """The links of a population. See `core.access.graph.Links`."""

    others: Collection[str] = frozenset()

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._accounts = lookup.accounts
        self._admins = _find_admins(lookup)
        self._proxies = lookup.find_held(lambda item: item.securable.scope == "proxy")
        self._is_mariadb = lookup.flavour == "mariadb"

    def list_links(self, username: str) -> list[Link]:
        """See `Links.list_links`."""
        state = self._accounts.get(username)
        if state is None:
            return []
        lookup = self._lookup
        is_login = state.account.kind is Kind.USER
        roles = lookup.list_roles(username)
        active = [role for role in roles if not is_login or _is_active(lookup, role)]
        links = [_to_link(lookup, username, role, is_login=is_login) for role in active]
        alone = not self._is_mariadb and is_login and len(active) > 1  # fewer roles may give more: see access_rows
        links += [_to_step(lookup, username, role) for role in roles if alone or role not in active]
        if is_login and self._is_mariadb:
            links += _find_of_login(lookup, username)
        if username in self._admins:
            links += _find_roles_to_take(lookup, username, self._admins[username])
        if not state.held.isdisjoint(self._proxies) and may_map(lookup, username):
            links += find_proxies(lookup, username, state.held & self._proxies)
        return links

    def find_members(self, targets: Collection[str]) -> Collection[str]:
        """See `Links.find_members`."""
        sought = set(targets)
        if PUBLIC in sought or not sought.isdisjoint(self._lookup.mandatory):
            return self._accounts.keys()
        wanted = frozenset(
            item for item in (*self._lookup.role_items, *self._proxies) if item.securable.object in sought
        )
        found = (
            {name for name, state in self._accounts.items() if not state.held.isdisjoint(wanted)}
            if wanted
            else set[str]()
        )
        if self._is_mariadb:  # a login may set the roles of its user part's wider hosts
            users = {to_address(name).user for name in found}
            found |= {name for user in users for _, name in self._lookup.by_user.get(user, ())}
        return found | (self._admins.keys() - sought)


def _is_active(lookup: Lookup, role: HeldRole) -> bool:
    if DEFAULT in role.options:
        return True
    if lookup.flavour == "mariadb":
        return False
    settings = lookup.population.attributes
    is_on = MANDATORY in role.options and lookup.major >= ACTIVE_MANDATORY
    return is_on or bool(settings.get("activate_all_roles_on_login"))


def _to_link(lookup: Lookup, username: str, role: HeldRole, *, is_login: bool) -> Link:
    held = Held(MEMBER, Securable("role", object=role.role), role.admin_option)
    if held not in lookup.accounts[username].held:
        return Link(username, role.role, f"{role.role} is a mandatory role", own=is_login)
    since = lookup.population.find_since(username, held)
    return Link(username, role.role, f"member of {role.role}", held=held, since=since, own=is_login)


def _to_step(lookup: Lookup, username: str, role: HeldRole, giver: str = "") -> Link:
    """Return the link to a role that can be set; on MariaDB what a role gives does not depend on who set it."""
    link = _to_link(lookup, giver or username, role, is_login=True)
    words = f"{link.words}, by the row of {giver}" if giver else link.words
    adds = lookup.flavour == "mysql"
    return link._replace(member=username, words=words, step=f"SET ROLE {role.role}", adds=adds)


def _find_of_login(lookup: Lookup, username: str) -> Iterator[Link]:
    """Yield what a MariaDB login has beside its own roles: PUBLIC, and roles of its user part from wider hosts."""
    if lookup.has_public:
        yield Link(username, PUBLIC, PUBLIC, own=True)
    own = {role.role for role in lookup.list_roles(username)}
    active = lookup.find_active_role(username)
    for other in lookup.list_wider(username):
        for role in lookup.list_roles(other):
            if role.role not in own:
                own.add(role.role)
                step = _to_step(lookup, username, role, other)
                yield step._replace(step="", own=True) if role.role == active else step


def _find_admins(lookup: Lookup) -> dict[str, Held]:
    """Return who may grant any role, with what lets it."""
    if lookup.flavour == "mariadb":
        return {}
    return _find_holders(lookup, SUPER, SERVER) | _find_holders(lookup, ROLE_ADMIN)


def _find_holders(lookup: Lookup, privilege: str, scope: str = DYNAMIC) -> dict[str, Held]:
    """Return who holds a privilege on the whole server itself."""
    wanted = [Held(privilege, Securable(scope), option) for option in (False, True)]
    return {username: item for username, state in lookup.accounts.items() for item in wanted if item in state.held}


def _find_roles_to_take(lookup: Lookup, username: str, held: Held) -> Iterator[Link]:
    """Yield that who may grant any role can take each role, those with SYSTEM_USER if it has that."""
    protected = _find_holders(lookup, SYSTEM_USER)
    since = lookup.population.find_since(username, held)
    for role, state in lookup.accounts.items():
        if state.account.kind is Kind.ROLE and role != username and (role not in protected or username in protected):
            step = f"GRANT {role} to itself, SET ROLE {role}"
            yield Link(username, role, f"{held.privilege} on *.*", step, "", held, since, adds=True)


def find_proxies(lookup: Lookup, username: str, proxies: Iterable[Held]) -> Iterator[Link]:
    """Yield whom an account may be taken for as it logs in, of these grants of its own."""
    for item in proxies:
        target = item.securable.object
        if target != username and target in lookup.accounts:
            step = f"log in by a plugin that takes it for {target}"
            since = lookup.population.find_since(username, item)
            yield Link(username, target, f"{PROXY} on {target}", step, "", item, since, own=True)


def may_map(lookup: Lookup, username: str) -> bool:
    """Whether an account logs in by a plugin that may take it for another one."""
    account = lookup.accounts[username].account
    settings = lookup.population.attributes
    plugins = {str(account.attributes.get("plugin")), *_to_names(account.attributes.get("other_plugins"))}
    if plugins & MAPPING:
        return True
    by_setting = {plugin for plugin in plugins & BY_SETTING if settings.get(f"{plugin}_proxy_users")}
    return bool(by_setting) and bool(settings.get("check_proxy_users"))


def _to_names(value: Json) -> Sequence[str]:
    return [str(item) for item in value] if isinstance(value, list) else ()
