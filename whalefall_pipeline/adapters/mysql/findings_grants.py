"""Rules of MySQL and MariaDB: what accounts hold, and are members of. Pure."""

from collections.abc import Collection, Iterator

from whalefall_pipeline.adapters.mysql.access_rows import Naming
from whalefall_pipeline.adapters.mysql.findings_accounts import GRANT_SCOPES
from whalefall_pipeline.adapters.mysql.mysql import DYNAMIC
from whalefall_pipeline.adapters.mysql.names import find_only_database
from whalefall_pipeline.adapters.mysql.rows import PROXY, USAGE
from whalefall_pipeline.core.findings.making import find_held, find_privileges, to_everybody, to_path, to_whole_account
from whalefall_pipeline.core.findings.model import Find, Hit, Mend, PerAccount, Rule, Severity, Sights
from whalefall_pipeline.core.findings.world import World
from whalefall_pipeline.core.model import SERVER, AccountState, Held

FULL_DATA = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "DROP"})
READING = frozenset({"SELECT", "SHOW VIEW", "LOCK TABLES"})
ACTING_FOR_OTHERS = frozenset({"SET_USER_ID", "SET_ANY_DEFINER", "SET USER", "SYSTEM_USER", "ROLE_ADMIN"})
SETTING_THE_SERVER = frozenset(
    {"SYSTEM_VARIABLES_ADMIN", "PERSIST_RO_VARIABLES_ADMIN", "CONNECTION_ADMIN", "CONNECTION ADMIN", "CLONE_ADMIN"}
)
SYSTEM = "mysql"
SYSTEM_SCOPES = frozenset({"database", "table", "column"})
PATTERN_SCOPES = ("database",)
ON_SERVER = Sights(scopes=frozenset({SERVER}), accounts=True)


def _means_several(item: Held) -> bool:
    return item.effect == "grant" and find_only_database(item.securable.database) is None


@PerAccount
def _find_patterns(world: World) -> Iterator[Hit]:
    """Find grants on patterns; with `partial_revokes` there are none, since names are names then."""
    if world.set_to.get("partial_revokes") is not True:
        yield from find_held(PATTERN_SCOPES, _means_several, who=_list_others, by=to_path)(world)


def _find_on_system(*, reading: bool) -> Find:
    """Return a function that finds what reads, or changes, the database `mysql`; a pattern may mean it too."""

    def find(world: World) -> Iterator[Hit]:
        settings = world.set_to
        naming = Naming(settings.get("partial_revokes") is not True, bool(settings.get("lower_case_table_names")))

        def is_wanted(item: Held) -> bool:
            if item.effect != "grant" or item.privilege == USAGE or (item.privilege in READING) is not reading:
                return False
            means = naming.means if item.securable.scope == "database" else naming.is_same
            return means(item.securable.database, SYSTEM)

        yield from find_held(SYSTEM_SCOPES, is_wanted, who=_list_others, by=to_whole_account)(world)

    return PerAccount(find)


def _is_full(item: Held) -> bool:
    return item.effect == "grant" and item.privilege in FULL_DATA


def _is_impersonation(item: Held) -> bool:
    return item.privilege == PROXY


def _list_others(world: World) -> Collection[AccountState]:
    """Return all that may be found to hold too much on the server: everybody too."""
    return [*world.holders, *world.everybody]


RULES = (
    Rule(
        id="MY-09",
        title="Account that reads and writes files on the server",
        severity=Severity.HIGH,
        why="FILE reads all that the server's user can read, and writes files where none are.",
        remedy="REVOKE FILE ON *.*",
        find=find_privileges({SERVER}, {"FILE"}, who=_list_others),
        looks_at=ON_SERVER,
        references=("CIS MySQL 5.7 5.2",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-10",
        title="Account that sees the statements of others",
        severity=Severity.MEDIUM,
        why="PROCESS shows what others run, passwords in their statements among it.",
        remedy="REVOKE PROCESS ON *.*",
        find=find_privileges({SERVER}, {"PROCESS"}, who=_list_others),
        looks_at=ON_SERVER,
        references=("CIS MySQL 5.7 5.3",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-11",
        title="Account that may stop the server",
        severity=Severity.MEDIUM,
        why="One statement ends the service for all.",
        remedy="REVOKE SHUTDOWN ON *.*",
        find=find_privileges({SERVER}, {"SHUTDOWN"}, who=_list_others),
        looks_at=ON_SERVER,
        references=("CIS MySQL 5.7 5.5",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-12",
        title="Account that makes accounts",
        severity=Severity.HIGH,
        why="CREATE USER sets the passwords of others, and so takes over what they may do.",
        remedy="REVOKE CREATE USER ON *.*",
        find=find_privileges({SERVER}, {"CREATE USER"}, who=_list_others),
        looks_at=ON_SERVER,
        references=("CIS MySQL 5.7 5.6",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-13",
        title="Account that reads the replication stream",
        severity=Severity.MEDIUM,
        why="Every change of every table is in it, whatever the account was granted.",
        remedy="REVOKE REPLICATION SLAVE ON *.*, unless it is the account of a replica",
        find=find_privileges({SERVER}, {"REPLICATION SLAVE"}, who=_list_others),
        looks_at=ON_SERVER,
        references=("CIS MySQL 5.7 5.8",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-14",
        title="Account that reads or changes the data of all databases",
        severity=Severity.HIGH,
        why="It reaches the accounts' own tables too, and each database that is made later.",
        remedy="Revoke it ON *.*, and grant it on the databases that need it.",
        find=find_held((SERVER,), _is_full, who=_list_others),
        looks_at=ON_SERVER,
        references=("CIS MySQL 5.7 5.1",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-15",
        title="Account that may change the accounts' own tables",
        severity=Severity.CRITICAL,
        why="The database `mysql` holds all grants and verifiers: whoever writes there has what it likes.",
        remedy="Revoke it.",
        find=_find_on_system(reading=False),
        looks_at=Sights(scopes=SYSTEM_SCOPES, accounts=True, settings=True),
        references=("CIS MySQL 5.7 5.1",),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-16",
        title="Account that may log in as another",
        severity=Severity.HIGH,
        why="PROXY gives it all rights of the other account, and the other's are not listed as its own.",
        remedy="REVOKE PROXY ON … FROM …",
        find=find_held(("proxy",), _is_impersonation, who=_list_others, by=to_path),
        looks_at=Sights(scopes=frozenset({"proxy"}), accounts=True),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-17",
        title="Everybody holds privileges",
        severity=Severity.HIGH,
        why="They are every account's that comes from there, those that are made later among them.",
        remedy="Revoke them from everybody (on MySQL: delete the row without a user in mysql.db).",
        find=find_held(
            None,
            lambda item: item.effect == "grant" and item.privilege != USAGE,
            who=to_everybody,
            by=to_whole_account,
        ),
        looks_at=Sights(scopes=GRANT_SCOPES),
    ),
    Rule(
        id="MY-18",
        title="Account that may act for others",
        severity=Severity.HIGH,
        why="It makes routines that run with the rights of others, gives roles, or can't be ended by administrators.",
        remedy="Revoke the privilege.",
        find=find_privileges({DYNAMIC, SERVER}, ACTING_FOR_OTHERS, who=_list_others, by=to_whole_account),
        looks_at=Sights(scopes=frozenset({DYNAMIC, SERVER}), accounts=True),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-19",
        title="Account that may change the server's settings",
        severity=Severity.MEDIUM,
        why="Settings decide about passwords, logs and encryption for all.",
        remedy="Revoke the privilege.",
        find=find_privileges({DYNAMIC, SERVER}, SETTING_THE_SERVER, who=_list_others, by=to_whole_account),
        looks_at=Sights(scopes=frozenset({DYNAMIC, SERVER}), accounts=True),
        mend=Mend.REVOKE,
    ),
    Rule(
        id="MY-20",
        title="Grant on a pattern that means several databases",
        severity=Severity.LOW,
        why="`_` and `%` are wildcards: a grant on `sales_eu` also holds on `salesXeu`, and on what is made later.",
        remedy="Revoke it, and grant it with the wildcard escaped (`sales\\_eu`).",
        find=_find_patterns,
        looks_at=Sights(scopes=frozenset(PATTERN_SCOPES), accounts=True, settings=True),
    ),
    Rule(
        id="MY-24",
        title="Account that reads the accounts' own tables",
        severity=Severity.LOW,
        why="Verifiers that are read can be guessed from. A collector needs it: waive that one.",
        remedy="Revoke SELECT on mysql.*",
        find=_find_on_system(reading=True),
        looks_at=Sights(scopes=SYSTEM_SCOPES, accounts=True, settings=True),
        references=("CIS MySQL 5.7 5.1",),
        mend=Mend.REVOKE,
    ),
)
