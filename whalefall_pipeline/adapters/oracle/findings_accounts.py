"""Rules of Oracle: how accounts log in, and what they are by themselves. Pure."""

from collections.abc import Collection

from whalefall_pipeline.adapters.oracle.rules import parse_account_status
from whalefall_pipeline.core.findings.making import find_accounts
from whalefall_pipeline.core.findings.model import Rule, Severity, Sights
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import Account, AccountState, Kind
from whalefall_pipeline.core.rules import LOCKED, PASSWORD_EXPIRED

ALWAYS_OPEN = frozenset({"SYS", "SYSTEM"})
SAMPLES = frozenset({"SCOTT", "HR", "OE", "PM", "SH", "IX", "BI"})
"""The sample schemas; all of them have passwords that everybody knows (Database Sample Schemas)."""
USERS = Sights(scopes=frozenset({"database"}))
"""A container that is closed has users too: what speaks for one is the container."""


def to_name(account: Account) -> str:
    """Return an account's own name, without that of its container."""
    container = account.attributes.get("container")
    return account.username.removeprefix(f"{container}.")


def list_users(world: World) -> Collection[AccountState]:
    """Return the users, Oracle's own among them."""
    return [state for state in world.accounts if state.account.kind is Kind.USER]


def list_own_users(world: World) -> Collection[AccountState]:
    """Return the users that Oracle did not make."""
    return [state for state in list_users(world) if not world.is_given(state)]


def _is_open(world: World, state: AccountState) -> bool:
    return not world.amounts_to(state, LOCKED)


def _describe_expired(world: World, state: AccountState) -> str:
    why = world.amounts_to(state, PASSWORD_EXPIRED)
    return f"{why[0]}, and it is not locked" if why and _is_open(world, state) else ""


def _describe_old_verifier(world: World, state: AccountState) -> str:
    versions = str(state.account.attributes.get("password_versions", "")).split()
    return "its password is kept as a 10G verifier too" if "10G" in versions and _is_open(world, state) else ""


def _describe_oracles_own(world: World, state: AccountState) -> str:
    is_ours = not world.is_given(state) or to_name(state.account) in ALWAYS_OPEN
    status = str(state.account.attributes.get("account_status", ""))
    logs_in = state.account.attributes.get("authentication_type") != "NONE"
    return "" if is_ours or not logs_in or "OPEN" not in parse_account_status(status) else "it is open"


def _describe_sample(world: World, state: AccountState) -> str:
    return "a sample schema that is open" if to_name(state.account) in SAMPLES and _is_open(world, state) else ""


def _describe_external(_world: World, state: AccountState) -> str:
    external = state.account.attributes.get("authentication_type") == "EXTERNAL"
    return "the operating system says who it is" if external else ""


RULES = (
    Rule(
        id="OR-14",
        title="User whose password has expired and that is not locked",
        severity=Severity.LOW,
        why="Whoever has the old password may set the new one.",
        remedy="ALTER USER … ACCOUNT LOCK, if nobody asks for it",
        find=find_accounts(list_own_users, _describe_expired),
        looks_at=USERS,
    ),
    Rule(
        id="OR-15",
        title="Password that is kept in the old form",
        severity=Severity.HIGH,
        why="10G verifiers ignore case, have no salt of their own, and are soon guessed.",
        remedy="Set the password again, with SQLNET.ALLOWED_LOGON_VERSION_SERVER = 12 or 12a",
        find=find_accounts(list_users, _describe_old_verifier),
        looks_at=USERS,
    ),
    Rule(
        id="OR-16",
        title="Account of Oracle's own that is open",
        severity=Severity.MEDIUM,
        why="Nobody logs in as these, and their names and rights are known.",
        remedy="ALTER USER … ACCOUNT LOCK, or NO AUTHENTICATION",
        find=find_accounts(list_users, _describe_oracles_own),
        looks_at=USERS,
    ),
    Rule(
        id="OR-17",
        title="Sample schema that is open",
        severity=Severity.HIGH,
        why="Everybody knows its name, and often its password.",
        remedy="DROP USER … CASCADE, or ACCOUNT LOCK",
        find=find_accounts(list_users, _describe_sample),
        looks_at=USERS,
        references=("CIS Oracle 19c 4.2",),
    ),
    Rule(
        id="OR-18",
        title="User that the operating system vouches for",
        severity=Severity.LOW,
        why="Whoever becomes that user on the machine is in.",
        remedy="Use a password, or Kerberos or certificates by the directory.",
        find=find_accounts(list_own_users, _describe_external),
        looks_at=USERS,
        references=("CIS Oracle 19c 4.3",),
    ),
)
