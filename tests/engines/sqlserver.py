"""SQL Server in the shared body of tests, on the stand-in.

What a stand-in can't carry is left to a real server: whether the grants of `scope_cases` are spelled as SQL Server
takes them (the stand-in knows only these spellings), and what one login can see of another's.
"""

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.engines.engine import ACCOUNT, ScopeCase
from tests.engines.sqlserver_cases import CASES, DATABASE, OBJECTS, SECURABLES, USER
from tests.servers.sqlserver import SqlserverStandin, start_sqlserver
from whalefall_pipeline.adapters.engine import Adapter
from whalefall_pipeline.adapters.sqlserver import SqlserverAdapter
from whalefall_pipeline.adapters.sqlserver.names import quote_name, to_principal, to_username
from whalefall_pipeline.core.model import AccountState, Instance, Login

GIVEN = ("sa", "public", "guest", "dbo")
PREPARED = ("wf_role", "readers", "kiosk", "contained")


class SqlserverEngine:
    """The stand-in as the shared body's server."""

    adapter: Adapter = SqlserverAdapter()
    probe_username = ACCOUNT
    scope_cases: Sequence[ScopeCase] = CASES
    awkward_names: Sequence[str] = (
        "o'brien", 'say "so"', "two words", "dot.ted", "at@home", "CaPiTal", "brack]et", "[bracketed]", "CORP\\dba",
        "é" * 128,
    )  # fmt: skip

    def __init__(self, standin: SqlserverStandin) -> None:
        self.standin = standin
        self.instance = Instance(
            1, "sqlserver", "sqlserver", standin.host, standin.wire.port, options={"trust_server_certificate": "yes"}
        )
        self.login = Login(standin.username, standin.password)

    def execute(self, *statements: str, database: str = "") -> None:
        self.standin.execute(*statements, database=database)

    def create_accounts(self, names: Iterable[str], *, role: bool = False) -> list[str]:
        made = list(names)
        self.standin.create_logins(made, role=role)
        if ACCOUNT in made and not role and DATABASE in self.standin.tables.databases():
            self.execute(f"CREATE USER {USER} FOR LOGIN {USER}", database=DATABASE)
        return [to_username("", name) for name in made]

    def drop_accounts(self, names: Iterable[str]) -> None:
        self.execute(*(f"DROP LOGIN {quote_name(name)}" for name in names))

    def make_superuser(self, name: str) -> None:
        self.execute(f"ALTER SERVER ROLE [sysadmin] ADD MEMBER {quote_name(name)}")

    def lock(self, name: str) -> None:
        self.execute(f"ALTER LOGIN {quote_name(name)} DISABLE")

    def grant_role(self, role: str, member: str) -> None:
        self.execute(f"ALTER SERVER ROLE {quote_name(role)} ADD MEMBER {quote_name(member)}")

    def kill_collectors(self) -> None:
        self.standin.wire.cut()

    def drawn_statements(self) -> SearchStrategy[list[str]]:
        return st.lists(st.sampled_from(CASES), unique_by=lambda case: case.name).map(_to_statements)

    def reset(self) -> None:
        self.standin.reset()

    def prepare(self) -> None:
        tables = self.standin.tables
        tables.create_database(DATABASE)
        for name, (type_, _, _) in OBJECTS.items():
            tables.add_object(DATABASE, name, type_, columns=("id", "total"))
        for keyword, (scope, _) in SECURABLES.items():
            more = {"is_user_defined": True} if keyword == "ASSEMBLY" else {}
            tables.add_securable(DATABASE, keyword, f"the {scope}", **more)
        tables.add_securable(DATABASE, "SCHEMA", "App")
        tables.add_securable(DATABASE, "TYPE", "money_amount", schema_id=1, principal_id=None, is_user_defined=True)
        tables.add_securable(DATABASE, "XML SCHEMA COLLECTION", "forms", schema_id=1)
        tables.add_securable("master", "ENDPOINT", "mirror")
        tables.add_securable("master", "AVAILABILITY GROUP", "ag1")
        self.execute("CREATE SERVER ROLE [wf_role]", f"USE [{DATABASE}]", *_DATABASE_PRINCIPALS)

    def exclude_given(self, states: Iterable[AccountState]) -> dict[str, AccountState]:
        return {state.account.username: state for state in states if not self._is_given(state)}

    def _is_given(self, state: AccountState) -> bool:
        name = to_principal(state.account.username).name
        fixed = bool(state.account.attributes.get("is_fixed_role"))
        given = name in (*GIVEN, *PREPARED, self.standin.username)
        return fixed or given or name.startswith("##")


_DATABASE_PRINCIPALS = (
    "CREATE ROLE [readers]",
    "CREATE APPLICATION ROLE [kiosk] WITH PASSWORD = N'x'",
    "CREATE USER [contained] WITH PASSWORD = N'x', DEFAULT_SCHEMA = [dbo]",
)


def _to_statements(cases: list[ScopeCase]) -> list[str]:
    """Make the probe's login and user, and all that the cases grant."""
    lines = [f"CREATE LOGIN {USER} WITH PASSWORD = N'x'", f"USE [{DATABASE}]", f"CREATE USER {USER} FOR LOGIN {USER}"]
    for case in cases:
        lines += [f"USE {quote_name(case.database or 'master')}", *case.grant]
    return lines


@contextmanager
def start() -> Generator[SqlserverEngine]:
    """Start a stand-in."""
    with start_sqlserver() as standin:
        yield SqlserverEngine(standin)
