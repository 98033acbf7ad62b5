"""Makes the small functions that rules are made of: by what is held, by what an account is, by what is set."""

from collections.abc import Callable, Collection, Iterable, Iterator
from functools import lru_cache, partial
from typing import TypeAlias

from whalefall_pipeline.core.findings.model import Find, Hit, PerAccount
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import SETS, AccountState, Held, Json, is_of_role
from whalefall_pipeline.core.roles import RolePath
from whalefall_pipeline.core.snapshot import to_token

Who: TypeAlias = Callable[[World], Collection[AccountState]]
Test: TypeAlias = Callable[[Held], bool]
By: TypeAlias = Callable[[Held], str]
_Group: TypeAlias = tuple[str, str, tuple[Held, ...]]
"""What is held of one thing: the thing's name, what is held in words, and itself."""
NAMED = 3
"""Things that a message names; more are counted."""


def to_holders(world: World) -> Collection[AccountState]:
    """Return users and groups that are no administrators and that the server did not make."""
    return world.holders


def to_everybody(world: World) -> Collection[AccountState]:
    """Return the accounts that stand for everybody."""
    return world.everybody


def to_database(item: Held) -> str:
    """Return the database that something is held in."""
    return item.securable.database


def to_whole_account(_item: Held) -> str:
    """Return nothing, so that an account has one finding, whatever it holds."""
    return ""


@lru_cache(SETS)
def to_path(item: Held) -> str:
    """Return what something is held on, as words."""
    return str(item.securable)


def find_held(scopes: Collection[str] | None, test: Test, *, who: Who = to_holders, by: By = to_database) -> Find:
    """Return a function that finds what accounts hold themselves, one hit for each account and each value of `by`.

    By default that is the database, so that an account with a thousand tables in one has one finding.
    """

    def find(world: World) -> Iterator[Hit]:
        to_groups = lru_cache(SETS)(partial(_to_groups, by, lru_cache(SETS)(list_held)))
        for state, held in world.list_holding(world.choose(who), scopes, test):
            username = state.account.username
            for name, words, items in to_groups(held):
                yield Hit(username, name, f"{username} holds {words}", items)

    return PerAccount(find)


def _to_groups(by: By, to_words: Callable[[tuple[Held, ...]], str], held: frozenset[Held]) -> list[_Group]:
    """Return what is held by the value of `by`, each in order; accounts that hold the same share it."""
    groups: dict[str, list[Held]] = {}
    for item in sorted(held):
        groups.setdefault(by(item), []).append(item)
    return [(name, to_words(items), items) for name, items in ((name, tuple(groups[name])) for name in sorted(groups))]


def find_privileges(
    scopes: Collection[str], privileges: Collection[str], *, who: Who = to_holders, by: By = to_database
) -> Find:
    """Return a function that finds who was granted one of these privileges in these scopes."""
    wanted = frozenset(privileges)
    return find_held(scopes, lambda item: item.effect == "grant" and item.privilege in wanted, who=who, by=by)


def find_members(is_wanted: Callable[[str], bool], who: Who = to_holders) -> Find:
    """Return a function that finds the members of roles, direct or through others, each with the shortest path.

    By default administrators and accounts that the server made are left out; roles are: their members are found.
    """

    def find(world: World) -> Iterator[Hit]:
        wanted_of: dict[int, list[RolePath]] = {}  # by the list, which many accounts share, and which the world keeps
        leading = world.find_leading(is_wanted)  # of the roles that matter to a rule few accounts are members
        for state in world.choose(who) if leading else ():
            if state.held.isdisjoint(leading):
                continue
            paths = world.list_roles(state)
            wanted = wanted_of.get(id(paths))
            if wanted is None:
                wanted = wanted_of[id(paths)] = [path for path in paths if is_wanted(path.role)]
            for path in wanted:
                yield _to_member(state, path)

    return PerAccount(find)


def _to_member(state: AccountState, path: RolePath) -> Hit:
    first = path.path[0]
    held = sorted(item for item in state.held if is_of_role(item) and item.securable.object == first.role)
    held = [item for item in held if item.securable.database == first.database]
    name = state.account.username
    through = f" (through {path})" if len(path.path) > 1 else ""
    return Hit(name, path.role, f"{name} is a member of {path.role}{through}", tuple(held))


def find_accounts(who: Who, describe: Callable[[World, AccountState], str | Iterable[str]]) -> Find:
    """Return a function that finds those of some accounts of which there is something to say."""

    def find(world: World) -> Iterator[Hit]:
        for state in world.choose(who):
            said = describe(world, state)
            if said and (text := said if isinstance(said, str) else "; ".join(said)):
                username = state.account.username
                yield Hit(username, "", f"{username}: {text}")

    return PerAccount(find)


def find_setting(name: str, is_wrong: Callable[[Json], bool]) -> Find:
    """Return a function that finds an instance that is set to something wrong; not set, as by age, is not wrong."""

    def find(world: World) -> Iterator[Hit]:
        if name in world.set_to and is_wrong(world.set_to[name]):
            yield Hit(object=name, message=f"{name} is {to_words(world.set_to[name])}")

    return find


def to_words(value: Json) -> str:
    """Return a setting as people write it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return "empty" if value in ("", None) else str(value)


def list_held(items: Collection[Held]) -> str:
    """Return what is held in one line: some in full, the others counted."""
    named = [to_words_on(item) for item in list(items)[:NAMED]]
    more = len(items) - len(named)
    return ", ".join(named) + (f" and {more} more" if more else "")


def to_words_on(item: Held) -> str:
    """Return one privilege with what it is held on."""
    token = to_token(item.privilege, grant_option=item.grant_option, effect=item.effect)
    path = str(item.securable)
    return token if path == item.securable.scope == "server" else f"{token} on {path}"
