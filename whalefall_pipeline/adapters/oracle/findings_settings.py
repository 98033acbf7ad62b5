"""Rules of Oracle: what the instance is set to. Pure."""

from collections.abc import Callable, Iterator

from whalefall_pipeline.adapters.oracle.rules import PARAMETERS, PROFILES, to_coverage_scope
from whalefall_pipeline.core.findings.model import Find, Hit, Rule, Severity, Sights
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import Json

UNLIMITED = ("UNLIMITED", "NULL")
PROFILE = "profile "
OF_PROFILES = Sights(settings=True, parts=frozenset({to_coverage_scope("", PROFILES)}))
OF_PARAMETERS = Sights(settings=True, parts=frozenset({to_coverage_scope("", PARAMETERS)}))


def find_limit(resource: str, is_wrong: Callable[[str], bool]) -> Find:
    """Return a function that finds profiles whose limit is wrong; DEFAULT stands for that of the profile DEFAULT."""

    def find(world: World) -> Iterator[Hit]:
        for name, limits in sorted(world.set_to.items()):
            if not name.startswith(PROFILE) or not isinstance(limits, dict):
                continue
            value = limits.get(resource)
            if isinstance(value, str) and value != "DEFAULT" and is_wrong(value):
                yield Hit(object=name, message=f"{name}: {resource} is {value}")

    return find


def _is_more_than(most: int) -> Callable[[str], bool]:
    return lambda value: value in UNLIMITED or (value.isdigit() and int(value) > most)


def find_parameter(name: str, is_wrong: Callable[[Json], bool]) -> Find:
    """Return a function that finds a parameter that is set to something wrong, however the server spells its name."""

    def find(world: World) -> Iterator[Hit]:
        for spelled, value in world.set_to.items():
            if spelled.lower() == name and is_wrong(value):
                yield Hit(object=name, message=f"{name} is {value}")

    return find


def _is_true(value: Json) -> bool:
    return str(value).upper() == "TRUE"


def _is_false(value: Json) -> bool:
    return str(value).upper() == "FALSE"


RULES = (
    Rule(
        id="OR-19",
        title="Profile that lets passwords be guessed",
        severity=Severity.MEDIUM,
        why="Without FAILED_LOGIN_ATTEMPTS any number of passwords can be tried.",
        remedy="ALTER PROFILE … LIMIT FAILED_LOGIN_ATTEMPTS 5",
        find=find_limit("FAILED_LOGIN_ATTEMPTS", _is_more_than(10)),
        looks_at=OF_PROFILES,
        references=("CIS Oracle 19c 3.1",),
    ),
    Rule(
        id="OR-20",
        title="Profile whose passwords never expire",
        severity=Severity.LOW,
        why="A password that was stolen years ago still opens an account.",
        remedy="ALTER PROFILE … LIMIT PASSWORD_LIFE_TIME 90",
        find=find_limit("PASSWORD_LIFE_TIME", _is_more_than(365)),
        looks_at=OF_PROFILES,
        references=("CIS Oracle 19c 3.3", "PCI DSS 4.0.1 8.3.9"),
    ),
    Rule(
        id="OR-21",
        title="Profile that takes any password",
        severity=Severity.MEDIUM,
        why="Without a verify function a password may be the account's name.",
        remedy="ALTER PROFILE … LIMIT PASSWORD_VERIFY_FUNCTION ORA12C_STRONG_VERIFY_FUNCTION",
        find=find_limit("PASSWORD_VERIFY_FUNCTION", UNLIMITED.__contains__),
        looks_at=OF_PROFILES,
        references=("CIS Oracle 19c 3.7",),
    ),
    Rule(
        id="OR-22",
        title="Clients say themselves who they are",
        severity=Severity.CRITICAL,
        why="With REMOTE_OS_AUTHENT any machine on the network can claim to be an account of the operating system.",
        remedy="ALTER SYSTEM SET REMOTE_OS_AUTHENT = FALSE SCOPE = SPFILE",
        find=find_parameter("remote_os_authent", _is_true),
        looks_at=OF_PARAMETERS,
        references=("CIS Oracle 19c 2.2.7",),
    ),
    Rule(
        id="OR-23",
        title="Clients say themselves which roles they have",
        severity=Severity.HIGH,
        why="With REMOTE_OS_ROLES a client's machine decides about roles of the database.",
        remedy="ALTER SYSTEM SET REMOTE_OS_ROLES = FALSE SCOPE = SPFILE",
        find=find_parameter("remote_os_roles", _is_true),
        looks_at=OF_PARAMETERS,
        references=("CIS Oracle 19c 2.2.8",),
    ),
    Rule(
        id="OR-24",
        title="ANY privileges reach the dictionary",
        severity=Severity.HIGH,
        why="With O7_DICTIONARY_ACCESSIBILITY whoever reads any table reads password verifiers, and may change SYS's.",
        remedy="ALTER SYSTEM SET O7_DICTIONARY_ACCESSIBILITY = FALSE SCOPE = SPFILE",
        find=find_parameter("o7_dictionary_accessibility", _is_true),
        looks_at=OF_PARAMETERS,
    ),
    Rule(
        id="OR-25",
        title="Passwords ignore case",
        severity=Severity.MEDIUM,
        why="Far fewer passwords have to be tried.",
        remedy="ALTER SYSTEM SET SEC_CASE_SENSITIVE_LOGON = TRUE",
        find=find_parameter("sec_case_sensitive_logon", _is_false),
        looks_at=OF_PARAMETERS,
        references=("CIS Oracle 19c 2.2.9",),
    ),
    Rule(
        id="OR-26",
        title="A connection may try many passwords",
        severity=Severity.LOW,
        why="Each connection that stays open after a wrong password makes guessing faster.",
        remedy="ALTER SYSTEM SET SEC_MAX_FAILED_LOGIN_ATTEMPTS = 3 SCOPE = SPFILE",
        find=find_parameter(
            "sec_max_failed_login_attempts", lambda value: str(value).isdigit() and int(str(value)) > 3
        ),
        looks_at=OF_PARAMETERS,
        references=("CIS Oracle 19c 2.2.10",),
    ),
)
