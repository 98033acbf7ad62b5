"""Oracle's own rules: administrators, PUBLIC, how users log in, profiles and parameters. Pure.

References: CIS Oracle is the benchmark for Database 19c, O121 is DISA's STIG for 12c.
"""

from collections.abc import Callable, Collection, Iterator

from whalefall_pipeline.adapters.oracle.object_types import OBJECT_SCOPES
from whalefall_pipeline.adapters.oracle.rules import (
    DBA,
    PARAMETERS,
    PROFILES,
    parse_account_status,
    to_coverage_scope,
)
from whalefall_pipeline.core.findings.making import (
    find_accounts,
    find_held,
    find_privileges,
    list_held,
    to_everybody,
    to_path,
)
from whalefall_pipeline.core.findings.model import EngineFindings, Find, Hit, Mend, PerAccount, Rule, Severity, Sights
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import ROLE_SCOPES, SERVER, Account, AccountState, Held, Json, Kind
from whalefall_pipeline.core.rules import LOCKED, PASSWORD_EXPIRED

SYSTEM = frozenset({SERVER, "database"})
PASSWORD_FILES = frozenset({"password_file", "container_password_file"})
OBJECTS = frozenset(OBJECT_SCOPES.values())
ALWAYS_OPEN = frozenset({"SYS", "SYSTEM"})
SAMPLES = frozenset({"SCOTT", "HR", "OE", "PM", "SH", "IX", "BI"})
"""The sample schemas; all of them have passwords that everybody knows (Database Sample Schemas)."""
PACKAGES = frozenset(
    {
        *("UTL_FILE", "UTL_HTTP", "UTL_TCP", "UTL_SMTP", "UTL_MAIL", "UTL_INADDR", "DBMS_LDAP", "HTTPURITYPE"),
        *("DBMS_SCHEDULER", "DBMS_JOB", "DBMS_SQL", "DBMS_XMLGEN", "DBMS_ADVISOR", "DBMS_JAVA", "DBMS_SYS_SQL"),
        *("DBMS_BACKUP_RESTORE", "DBMS_FILE_TRANSFER", "DBMS_CREDENTIAL", "DBMS_RANDOM", "DBMS_REDEFINITION"),
    }
)
"""Packages of SYS that reach files, the network or other accounts."""
DICTIONARY = frozenset({"SELECT ANY DICTIONARY", "ANALYZE ANY DICTIONARY"})

UNLIMITED = ("UNLIMITED", "NULL")

USERS = Sights(scopes=frozenset({"database"}))
"""A container that is closed has users too: what speaks for one is the container."""
ON_SYSTEM = Sights(scopes=SYSTEM)
PROFILE = "profile "
OF_PROFILES = Sights(settings=True, parts=frozenset({to_coverage_scope("", PROFILES)}))
OF_PARAMETERS = Sights(settings=True, parts=frozenset({to_coverage_scope("", PARAMETERS)}))


def is_given(account: Account) -> bool:
    """Return whether Oracle made and maintains the account."""
    return bool(account.attributes.get("oracle_maintained"))


def to_name(account: Account) -> str:
    """Return an account's own name, without that of its container."""
    container = account.attributes.get("container")
    return account.username.removeprefix(f"{container}.")


def _list_users(world: World) -> Collection[AccountState]:
    return [state for state in world.accounts if state.account.kind is Kind.USER]


def _list_own(world: World) -> Collection[AccountState]:
    """Return the users and roles that Oracle did not make: a role passes on what it holds."""
    kinds = (Kind.USER, Kind.ROLE)
    return [state for state in world.accounts if state.account.kind in kinds and not world.is_given(state)]


def _list_own_users(world: World) -> Collection[AccountState]:
    return [state for state in _list_users(world) if not world.is_given(state)]


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


def _is_any(item: Held) -> bool:
    words = item.privilege.split()
    return item.effect == "grant" and "ANY" in words and item.privilege not in DICTIONARY


def _is_package(item: Held) -> bool:
    return item.privilege == "EXECUTE" and item.securable.schema == "SYS" and item.securable.object in PACKAGES


def _is_public_object(item: Held) -> bool:
    return item.effect == "grant" and item.securable.scope != "user"


def _find_public_objects(world: World) -> Iterator[Hit]:
    """Find what PUBLIC holds on objects of users that Oracle did not make."""
    owners = {to_name(state.account) for state in _list_own_users(world)}
    yield from find_held(
        OBJECTS,
        lambda item: _is_public_object(item) and item.securable.schema in owners,
        who=to_everybody,
        by=lambda item: item.securable.schema,
    )(world)


def _is_default_dba(item: Held) -> bool:
    return item.privilege == "DEFAULT" and item.securable.object.rpartition(".")[2] == DBA


@PerAccount
def _find_proxies(world: World) -> Iterator[Hit]:
    find = find_privileges({"proxy"}, {"CONNECT THROUGH"}, who=_list_own_users, by=to_path)
    for hit in find(world):
        names = ", ".join(item.securable.object for item in hit.held)
        yield hit._replace(message=f"{hit.account} may log in as {names}")


@PerAccount
def _find_file_users(world: World) -> Iterator[Hit]:
    for state, held in world.list_holding(_list_users(world), PASSWORD_FILES, lambda _item: True):
        if to_name(state.account) != "SYS":
            name = state.account.username
            yield Hit(name, message=f"{name} holds {list_held(held)} by the password file", held=tuple(held))


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
        id="OR-01",
        title="DBA as a default role",
        severity=Severity.HIGH,
        why="Each session begins with all rights, also those that only read a report.",
        remedy="ALTER USER … DEFAULT ROLE ALL EXCEPT DBA, if the role itself is needed",
        find=find_held(ROLE_SCOPES, _is_default_dba, who=_list_own),
        looks_at=Sights(scopes=ROLE_SCOPES),
    ),
    Rule(
        id="OR-02",
        title="Privilege on any object",
        severity=Severity.HIGH,
        why="A privilege with ANY holds in all schemas, those that are made later among them, and leads to more.",
        remedy="Revoke it, and grant what is needed on the objects or, from 23ai on, on the schema.",
        find=find_held(SYSTEM, _is_any, who=_list_own),
        looks_at=ON_SYSTEM,
        mend=Mend.REVOKE,
    ),
    Rule(
        id="OR-03",
        title="Account that reads the data dictionary",
        severity=Severity.MEDIUM,
        why="The dictionary holds password verifiers, and what every account may do.",
        remedy="REVOKE SELECT ANY DICTIONARY; SELECT_CATALOG_ROLE shows less",
        find=find_privileges(SYSTEM, DICTIONARY, who=_list_own),
        looks_at=ON_SYSTEM,
        mend=Mend.REVOKE,
    ),
    Rule(
        id="OR-04",
        title="Account that becomes another",
        severity=Severity.CRITICAL,
        why="BECOME USER runs as any account, SYS among them.",
        remedy="REVOKE BECOME USER",
        find=find_privileges(SYSTEM, {"BECOME USER"}, who=_list_own),
        looks_at=ON_SYSTEM,
        references=("CIS Oracle 19c 5.2.9",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="OR-05",
        title="Account that may change the instance",
        severity=Severity.HIGH,
        why="ALTER SYSTEM and ALTER DATABASE end sessions, turn off logs and change parameters.",
        remedy="Revoke it.",
        find=find_privileges(SYSTEM, {"ALTER SYSTEM", "ALTER DATABASE"}, who=_list_own),
        looks_at=ON_SYSTEM,
        references=("CIS Oracle 19c 5.2.11",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="OR-06",
        title="Account that may turn off auditing",
        severity=Severity.HIGH,
        why="What it does afterwards leaves no trace.",
        remedy="REVOKE AUDIT SYSTEM",
        find=find_privileges(SYSTEM, {"AUDIT SYSTEM", "AUDIT ANY"}, who=_list_own),
        looks_at=ON_SYSTEM,
        references=("CIS Oracle 19c 5.2.7",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="OR-07",
        title="Account that no row policy holds for",
        severity=Severity.HIGH,
        why="Virtual private database and label security hide nothing from it.",
        remedy="REVOKE EXEMPT ACCESS POLICY",
        find=find_privileges(SYSTEM, {"EXEMPT ACCESS POLICY", "EXEMPT REDACTION POLICY"}, who=_list_own),
        looks_at=ON_SYSTEM,
        mend=Mend.REVOKE,
    ),
    Rule(
        id="OR-08",
        title="Account that may fill any tablespace",
        severity=Severity.LOW,
        why="One account can use up the disk of all, SYSTEM's too.",
        remedy="REVOKE UNLIMITED TABLESPACE, and give a quota",
        find=find_privileges(SYSTEM, {"UNLIMITED TABLESPACE"}, who=_list_own),
        looks_at=ON_SYSTEM,
        mend=Mend.REVOKE,
    ),
    Rule(
        id="OR-09",
        title="Everybody has a system privilege",
        severity=Severity.CRITICAL,
        why="What PUBLIC has, every account has, those that are made later among them.",
        remedy="REVOKE … FROM PUBLIC",
        find=find_held(SYSTEM, lambda item: item.effect == "grant", who=to_everybody),
        looks_at=ON_SYSTEM,
        mend=Mend.REVOKE,
    ),
    Rule(
        id="OR-10",
        title="Everybody may run packages that reach files or the network",
        severity=Severity.MEDIUM,
        why="They are granted to PUBLIC when a database is made, and are how an injection leaves it.",
        remedy="REVOKE EXECUTE ON SYS.… FROM PUBLIC, and grant it to what needs it",
        find=find_held({"package", "type"}, _is_package, who=to_everybody),
        looks_at=Sights(scopes=frozenset({"package", "type"})),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="OR-11",
        title="Everybody has privileges on an application's objects",
        severity=Severity.HIGH,
        why="Every account that logs in has it.",
        remedy="Revoke it from PUBLIC, and grant it to roles.",
        find=_find_public_objects,
        looks_at=Sights(scopes=OBJECTS),
        references=("DISA STIG O121-BP-022600",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="OR-12",
        title="User that the password file makes an administrator",
        severity=Severity.HIGH,
        why="SYSDBA and the like pass all checks, and hold even where the database is closed.",
        remedy="REVOKE SYSDBA (or the like) FROM …",
        find=_find_file_users,
        looks_at=Sights(scopes=PASSWORD_FILES),
    ),
    Rule(
        id="OR-13",
        title="User that another may log in as",
        severity=Severity.MEDIUM,
        why="A proxy has all rights of the other user, and they are not listed as its own.",
        remedy="ALTER USER … REVOKE CONNECT THROUGH …",
        find=_find_proxies,
        looks_at=Sights(scopes=frozenset({"proxy"})),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="OR-14",
        title="User whose password has expired and that is not locked",
        severity=Severity.LOW,
        why="Whoever has the old password may set the new one.",
        remedy="ALTER USER … ACCOUNT LOCK, if nobody asks for it",
        find=find_accounts(_list_own_users, _describe_expired),
        looks_at=USERS,
    ),
    Rule(
        id="OR-15",
        title="Password that is kept in the old form",
        severity=Severity.HIGH,
        why="10G verifiers ignore case, have no salt of their own, and are soon guessed.",
        remedy="Set the password anew, with SQLNET.ALLOWED_LOGON_VERSION_SERVER = 12 or 12a",
        find=find_accounts(_list_users, _describe_old_verifier),
        looks_at=USERS,
    ),
    Rule(
        id="OR-16",
        title="Account of Oracle's own that is open",
        severity=Severity.MEDIUM,
        why="Nobody logs in as these, and their names and rights are known.",
        remedy="ALTER USER … ACCOUNT LOCK, or NO AUTHENTICATION",
        find=find_accounts(_list_users, _describe_oracles_own),
        looks_at=USERS,
    ),
    Rule(
        id="OR-17",
        title="Sample schema that is open",
        severity=Severity.HIGH,
        why="Everybody knows its name, and often its password.",
        remedy="DROP USER … CASCADE, or ACCOUNT LOCK",
        find=find_accounts(_list_users, _describe_sample),
        looks_at=USERS,
    ),
    Rule(
        id="OR-18",
        title="User that the operating system vouches for",
        severity=Severity.LOW,
        why="Whoever becomes that user on the machine is in.",
        remedy="Use a password, or Kerberos or certificates by the directory.",
        find=find_accounts(_list_own_users, _describe_external),
        looks_at=USERS,
    ),
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

FINDINGS = EngineFindings(RULES, is_given, frozenset({SERVER, *SYSTEM, *ROLE_SCOPES, *PASSWORD_FILES}))
