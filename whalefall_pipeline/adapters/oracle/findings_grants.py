"""Rules of Oracle: what accounts hold, and are members of. Pure."""

from collections.abc import Collection, Iterator

from whalefall_pipeline.adapters.oracle.findings_accounts import list_own_users, list_users, to_name
from whalefall_pipeline.adapters.oracle.object_types import OBJECT_SCOPES
from whalefall_pipeline.adapters.oracle.rules import DBA
from whalefall_pipeline.core.findings.making import find_held, find_privileges, list_held, to_everybody, to_path
from whalefall_pipeline.core.findings.model import Hit, Mend, PerAccount, Rule, Severity, Sights
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import ROLE_SCOPES, SERVER, AccountState, Held, Kind

SYSTEM = frozenset({SERVER, "database"})
PASSWORD_FILES = frozenset({"password_file", "container_password_file"})
OBJECTS = frozenset(OBJECT_SCOPES.values())
PACKAGES = frozenset(
    {
        *("UTL_FILE", "UTL_HTTP", "UTL_TCP", "UTL_SMTP", "UTL_MAIL", "UTL_INADDR", "DBMS_LDAP", "HTTPURITYPE"),
        *("DBMS_SCHEDULER", "DBMS_JOB", "DBMS_SQL", "DBMS_XMLGEN", "DBMS_ADVISOR", "DBMS_JAVA", "DBMS_SYS_SQL"),
        *("DBMS_BACKUP_RESTORE", "DBMS_FILE_TRANSFER", "DBMS_CREDENTIAL", "DBMS_RANDOM", "DBMS_REDEFINITION"),
    }
)
"""Packages of SYS that reach files, the network or other accounts."""
DICTIONARY = frozenset({"SELECT ANY DICTIONARY", "ANALYZE ANY DICTIONARY"})
ON_SYSTEM = Sights(scopes=SYSTEM)


def _list_own(world: World) -> Collection[AccountState]:
    """Return the users and roles that Oracle did not make: a role passes on what it holds."""
    kinds = (Kind.USER, Kind.ROLE)
    return [state for state in world.accounts if state.account.kind in kinds and not world.is_given(state)]


def _is_any(item: Held) -> bool:
    words = item.privilege.split()
    return item.effect == "grant" and "ANY" in words and item.privilege not in DICTIONARY


def _is_package(item: Held) -> bool:
    return item.privilege == "EXECUTE" and item.securable.schema == "SYS" and item.securable.object in PACKAGES


def _is_public_object(item: Held) -> bool:
    return item.effect == "grant" and item.securable.scope != "user"


def _find_public_objects(world: World) -> Iterator[Hit]:
    """Find what PUBLIC holds on objects of users that Oracle did not make."""
    owners = {to_name(state.account) for state in list_own_users(world)}
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
    find = find_privileges({"proxy"}, {"CONNECT THROUGH"}, who=list_own_users, by=to_path)
    for hit in find(world):
        names = ", ".join(item.securable.object for item in hit.held)
        yield hit._replace(message=f"{hit.account} may log in as {names}")


@PerAccount
def _find_file_users(world: World) -> Iterator[Hit]:
    for state, held in world.list_holding(list_users(world), PASSWORD_FILES, lambda _item: True):
        if to_name(state.account) != "SYS":
            name = state.account.username
            items = tuple(sorted(held))
            yield Hit(name, message=f"{name} holds {list_held(items)} by the password file", held=items)


RULES = (
    Rule(
        id="OR-01",
        title="DBA as a default role",
        severity=Severity.HIGH,
        why="Each session begins with all rights, also those that only read a report.",
        remedy="ALTER USER … DEFAULT ROLE ALL EXCEPT DBA, if the role itself is needed",
        find=find_held(ROLE_SCOPES, _is_default_dba, who=_list_own),
        looks_at=Sights(scopes=ROLE_SCOPES),
        references=("CIS Oracle 19c 5.3.3",),
    ),
    Rule(
        id="OR-02",
        title="Privilege on any object",
        severity=Severity.HIGH,
        why="A privilege with ANY holds in all schemas, those that are made later among them, and leads to more.",
        remedy="Revoke it, and grant what is needed on the objects or, from 23ai on, on the schema.",
        find=find_held(SYSTEM, _is_any, who=_list_own),
        looks_at=ON_SYSTEM,
        references=("CIS Oracle 19c 5.2.1",),
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
        references=("CIS Oracle 19c 5.2.5",),
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
        references=("CIS Oracle 19c 5.2.8",),
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
        references=("CIS Oracle 19c 5.1.1.1", "CIS Oracle 19c 5.1.1.2"),
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
)
