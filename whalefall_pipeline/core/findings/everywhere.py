"""The rules of all engines."""

from collections.abc import Iterable, Iterator

from whalefall_pipeline.core.access.danger_summary import Taking, Takings
from whalefall_pipeline.core.findings.making import find_accounts, find_held, find_members, list_held, to_everybody
from whalefall_pipeline.core.findings.model import Hit, Mend, Rule, Severity, Sights
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import MEMBER, ROLE_SCOPES, AccountState
from whalefall_pipeline.core.rules import GRANT_ADMIN, LOCKED, SUPERUSER

ADMINISTRATORS = Sights(administration=True, accounts=True)
WAYS = Sights(scopes=None, accounts=True, settings=True, dangers=True)
ALL_GRANTS = Sights(scopes=None, accounts=True)


def _list_superusers(world: World) -> list[AccountState]:
    return world.list_logins(SUPERUSER)


def _describe_superuser(world: World, state: AccountState) -> str:
    if state.account.username in world.options.superusers:
        return ""
    return f"superuser: {'; '.join(world.amounts_to(state, SUPERUSER))}"


def _count_superusers(world: World) -> Iterator[Hit]:
    names = sorted(state.account.username for state in world.choose(_list_superusers))
    most = world.options.superusers_at_most
    if len(names) > most:
        yield Hit(message=f"{len(names)} accounts are superusers, and at most {most} may be")


def _describe_grant_admin(world: World, state: AccountState) -> str:
    why = world.amounts_to(state, GRANT_ADMIN)
    return "" if world.is_administrator(state) else f"may grant to others: {'; '.join(why)}"


def _describe_locked(world: World, state: AccountState) -> str:
    why = world.amounts_to(state, LOCKED)
    powers = [name for name in (SUPERUSER, GRANT_ADMIN) if world.amounts_to(state, name)]
    return f"can't log in ({'; '.join(why)}), and keeps {' and '.join(powers)}" if powers else ""


def _find_strangers(world: World) -> Iterator[Hit]:
    for name, held in sorted(world.strangers.items()):
        items = tuple(sorted(held))
        yield Hit(name, message=f"{name}, which is no account, holds {list_held(items)}", held=items)


def _describe_everybody(world: World, state: AccountState) -> str:
    powers = [name for name in (SUPERUSER, GRANT_ADMIN) if world.amounts_to(state, name)]
    return f"everybody has {' and '.join(powers)}" if powers else ""


def _find_becoming(world: World) -> Iterator[Hit]:
    takings = world.takings or Takings()
    for name, how, *_ in _list_takings(world, takings.superusers):
        if name not in world.options.superusers:
            yield Hit(name, message=f"{name} could become a superuser: {how}")
    if takings.more_superusers:
        yield Hit(message=f"{takings.more_superusers} more accounts could become a superuser")


def _find_takers(world: World) -> Iterator[Hit]:
    takings = world.takings or Takings()
    for name, how, becomes, accounts in _list_takings(world, takings.takers):
        more = f" and {accounts - len(becomes)} more" if accounts > len(becomes) else ""
        yield Hit(name, message=f"{name} could take over {', '.join(becomes)}{more}: {how}")
    if takings.more_takers:
        yield Hit(message=f"{takings.more_takers} more accounts could take over others")


def _list_takings(world: World, takings: Iterable[Taking]) -> Iterator[Taking]:
    """Yield those of accounts that are no administrators and that the server did not make."""
    for taking in takings:
        state = world.states.get(taking.username)
        if state and world.is_holder(state):
            yield taking


RULES = (
    Rule(
        id="ALL-01",
        title="Superuser that is not on the list",
        severity=Severity.HIGH,
        why="A superuser passes every check, can read and change all data, and can hide that it did.",
        remedy="Take the right away, or name the account under `options: superusers` in the rules file.",
        find=find_accounts(_list_superusers, _describe_superuser),
        looks_at=ADMINISTRATORS,
    ),
    Rule(
        id="ALL-02",
        title="More superusers than are allowed",
        severity=Severity.MEDIUM,
        why="Each further superuser is one more password that opens everything.",
        remedy="Give those that need less a role that says what they need; the number is `superusers_at_most`.",
        find=_count_superusers,
        looks_at=ADMINISTRATORS,
        of_superusers=True,
    ),
    Rule(
        id="ALL-03",
        title="Account that is no superuser and manages the rights of others",
        severity=Severity.HIGH,
        why="Whoever grants to others can grant to an account of their own.",
        remedy="Take the right away from all but those whose task it is.",
        find=find_accounts(lambda world: world.list_logins(GRANT_ADMIN), _describe_grant_admin),
        looks_at=ADMINISTRATORS,
    ),
    Rule(
        id="ALL-04",
        title="Account that can't log in and keeps administrative rights",
        severity=Severity.LOW,
        why="One statement opens it again, with all that it had; nobody misses what a locked account holds.",
        remedy="Revoke the rights, or drop the account.",
        find=find_accounts(lambda world: world.list_logins(LOCKED), _describe_locked),
        looks_at=ADMINISTRATORS,
    ),
    Rule(
        id="ALL-05",
        title="Privileges with the option to pass them on",
        severity=Severity.MEDIUM,
        why="Access spreads without an administrator, and revoking it later takes it from others too.",
        remedy="Revoke the option and keep the privilege; have grants made by whoever administers the object.",
        find=find_held(
            scopes=None,
            test=lambda item: item.grant_option and item.effect == "grant" and item.privilege != MEMBER,
        ),
        looks_at=ALL_GRANTS,
        mend=Mend.WITHOUT_OPTION,
    ),
    Rule(
        id="ALL-06",
        title="Role with the option to give it to others",
        severity=Severity.MEDIUM,
        why="Whoever has a role with the admin option decides who else has it.",
        remedy="Revoke the admin option and keep the membership.",
        find=find_held(
            ROLE_SCOPES,
            lambda item: item.privilege == MEMBER and item.grant_option,
            by=lambda item: item.securable.object,
        ),
        looks_at=Sights(scopes=ROLE_SCOPES, administration=True, accounts=True),
        mend=Mend.WITHOUT_OPTION,
    ),
    Rule(
        id="ALL-07",
        title="Everybody is a member of a role",
        severity=Severity.HIGH,
        why="What a role is given later, every account of the server then has.",
        remedy="Revoke the role from everybody, and give it to the accounts that need it.",
        find=find_members(lambda _role: True, who=to_everybody),
        looks_at=Sights(scopes=ROLE_SCOPES, accounts=True),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="ALL-08",
        title="Grants to an account that does not exist",
        severity=Severity.MEDIUM,
        why="Whoever makes an account of that name has the grants at once.",
        remedy="Remove what is left of the dropped account.",
        find=_find_strangers,
        looks_at=ALL_GRANTS,
    ),
    Rule(
        id="ALL-09",
        title="Everybody is an administrator",
        severity=Severity.CRITICAL,
        why="Any login, however small, owns the server.",
        remedy="Revoke it from everybody at once, and see in the changes since when it was so.",
        find=find_accounts(to_everybody, _describe_everybody),
        looks_at=ADMINISTRATORS,
    ),
    Rule(
        id="ALL-10",
        title="Account that could become a superuser",
        severity=Severity.HIGH,
        why="It is one whenever it likes, or whenever somebody has its password; no list of superusers names it.",
        remedy="Take away what the way rests on, or name the account under `options: superusers` in the rules file.",
        find=_find_becoming,
        looks_at=WAYS,
    ),
    Rule(
        id="ALL-11",
        title="Account that could take over another account",
        severity=Severity.MEDIUM,
        why="What it then does stands under the other's name, and what that account is given later it has too.",
        remedy="Take away what the way rests on: a membership, an impersonation, a proxy, the right to set passwords.",
        find=_find_takers,
        looks_at=WAYS,
    ),
)
