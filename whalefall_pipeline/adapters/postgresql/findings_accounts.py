"""Rules of PostgreSQL: how accounts log in, and what they are by themselves. Pure."""

from collections.abc import Iterator

from whalefall_pipeline.core.findings.making import find_accounts
from whalefall_pipeline.core.findings.model import Find, Hit, Rule, Severity, Sights
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import AccountState, Held, Json, Membership
from whalefall_pipeline.core.roles import reach_roles
from whalefall_pipeline.core.rules import PASSWORD_EXPIRED

WITH_ROLES = Sights(scopes=frozenset({"role"}))
LOADING = ("local_preload_libraries", "session_preload_libraries", "session_replication_role")


def _has(world: World, state: AccountState, flag: str, text: str) -> str:
    return text if state.account.attributes.get(flag) and not world.is_administrator(state) else ""


def _find_by_role(flag: str, text: str) -> Find:
    """Return a function that finds logins with an attribute, and those that have it after SET ROLE."""

    def find(world: World) -> Iterator[Hit]:
        having = {name for name, state in world.states.items() if state.account.attributes.get(flag)}
        leading = world.find_leading(having.__contains__)

        def carries(membership: Membership) -> bool:
            return world.rules.carries(membership, flag, world.states.get(membership.role))

        by_memberships: dict[frozenset[Held], str] = {}

        def describe(world: World, state: AccountState) -> str:
            """Return how a login has it; those without it that have the same memberships share the way."""
            own = _has(world, state, flag, text)
            if own or state.held.isdisjoint(leading) or world.is_administrator(state):
                return own
            memberships = state.held & leading
            if memberships not in by_memberships:
                paths = (path for path in reach_roles(state, world.states, carries) if path.role in having)
                by_memberships[memberships] = next((f"{text} through role {path}" for path in paths), "")
            return by_memberships[memberships]

        yield from find_accounts(lambda world: world.logins, describe)(world)

    return find


def _describe_unlimited(_world: World, state: AccountState) -> str:
    return "" if "rolvaliduntil" in state.account.attributes else "its password never expires (no VALID UNTIL)"


def _describe_expired(world: World, state: AccountState) -> str:
    why = world.amounts_to(state, PASSWORD_EXPIRED)[0]
    return f"{why}, and it has LOGIN still" if state.account.attributes.get("rolcanlogin") else ""


def _describe_settings(_world: World, state: AccountState) -> str:
    named = _list_loading(state.account.attributes.get("settings"))
    return f"each of its sessions is set: {', '.join(named)}" if named else ""


def _find_settings(world: World) -> Iterator[Hit]:
    """Find accounts that are set so, and what all are by ALTER ROLE ALL or ALTER DATABASE."""
    yield from find_accounts(lambda world: world.accounts, _describe_settings)(world)
    for name in _list_loading(world.set_to.get("settings")):
        yield Hit(object=name, message=f"each session of every account is set: {name}")


def _list_loading(settings: Json) -> list[str]:
    """Return which of settings, by database and parameter, make sessions load code or skip triggers."""
    of_each = settings.values() if isinstance(settings, dict) else ()
    return sorted({name for of_one in of_each if isinstance(of_one, dict) for name in of_one if name in LOADING})


RULES = (
    Rule(
        id="PG-01",
        title="BYPASSRLS on an account that is no superuser",
        severity=Severity.HIGH,
        why="Row-level security is no bar for it: it reads the rows that policies keep from everybody else.",
        remedy="ALTER ROLE … NOBYPASSRLS",
        find=_find_by_role("rolbypassrls", "has BYPASSRLS"),
        looks_at=WITH_ROLES,
    ),
    Rule(
        id="PG-02",
        title="REPLICATION on an account that is no superuser",
        severity=Severity.HIGH,
        why="It may copy the whole cluster, every table of every database, whatever it was granted.",
        remedy="ALTER ROLE … NOREPLICATION, unless it is the account of a replica or of backups",
        find=find_accounts(
            lambda world: world.logins, lambda world, state: _has(world, state, "rolreplication", "has REPLICATION")
        ),
        references=("CIS PostgreSQL 12 4.2",),
    ),
    Rule(
        id="PG-03",
        title="CREATEDB on an account that is no superuser",
        severity=Severity.LOW,
        why="It owns what it makes, can fill the disk, and can copy any database that is a template.",
        remedy="ALTER ROLE … NOCREATEDB",
        find=_find_by_role("rolcreatedb", "has CREATEDB"),
        looks_at=WITH_ROLES,
        references=("CIS PostgreSQL 12 4.2",),
    ),
    Rule(
        id="PG-04",
        title="Login whose password never expires",
        severity=Severity.LOW,
        why="A password that was stolen years ago still opens it.",
        remedy="ALTER ROLE … VALID UNTIL, with a new password each time; or log in by certificate or GSSAPI",
        find=find_accounts(lambda world: world.logins, _describe_unlimited),
        references=("PCI DSS 4.0.1 8.3.9",),
    ),
    Rule(
        id="PG-05",
        title="Login that has expired and can still log in without a password",
        severity=Severity.MEDIUM,
        why="VALID UNTIL stops passwords only: certificates, peer, GSSAPI and trust go on working.",
        remedy="ALTER ROLE … NOLOGIN",
        find=find_accounts(lambda world: world.list_logins(PASSWORD_EXPIRED), _describe_expired),
    ),
    Rule(
        id="PG-24",
        title="Account whose sessions load code or skip triggers",
        severity=Severity.MEDIUM,
        why="One runs code in each session, the other turns off foreign keys and triggers that audit.",
        remedy="ALTER ROLE … RESET the parameter, or ALTER DATABASE … RESET where every account is set so",
        find=_find_settings,
        looks_at=Sights(settings=True),
    ),
)
