"""Rules of PostgreSQL: how accounts log in, and what they are by themselves. Pure."""

from whalefall_pipeline.core.findings.making import find_accounts
from whalefall_pipeline.core.findings.model import Rule, Severity
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import AccountState
from whalefall_pipeline.core.rules import PASSWORD_EXPIRED


def _has(world: World, state: AccountState, flag: str, text: str) -> str:
    return text if state.account.attributes.get(flag) and not world.is_administrator(state) else ""


def _describe_unlimited(_world: World, state: AccountState) -> str:
    return "" if "rolvaliduntil" in state.account.attributes else "its password never expires (no VALID UNTIL)"


def _describe_expired(world: World, state: AccountState) -> str:
    why = world.amounts_to(state, PASSWORD_EXPIRED)[0]
    return f"{why}, and it has LOGIN still" if state.account.attributes.get("rolcanlogin") else ""


def _describe_settings(_world: World, state: AccountState) -> str:
    settings = state.account.attributes.get("settings")
    if not settings:
        return ""
    named = [
        name
        for of_one in (settings.values() if isinstance(settings, dict) else ())
        for name in (of_one if isinstance(of_one, dict) else ())
        if name in ("session_preload_libraries", "local_preload_libraries", "session_replication_role")
    ]
    return f"each of its sessions is set: {', '.join(sorted(set(named)))}" if named else ""


RULES = (
    Rule(
        id="PG-01",
        title="BYPASSRLS on an account that is no superuser",
        severity=Severity.HIGH,
        why="Row-level security is no bar for it: it reads the rows that policies keep from everybody else.",
        remedy="ALTER ROLE … NOBYPASSRLS",
        find=find_accounts(
            lambda world: world.logins, lambda world, state: _has(world, state, "rolbypassrls", "has BYPASSRLS")
        ),
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
        find=find_accounts(
            lambda world: world.logins, lambda world, state: _has(world, state, "rolcreatedb", "has CREATEDB")
        ),
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
        remedy="ALTER ROLE … RESET the parameter",
        find=find_accounts(lambda world: world.accounts, _describe_settings),
    ),
)
