"""The toy engine in the shared body of tests."""

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.engines.engine import ACCOUNT, ScopeCase
from tests.engines.toy_adapter import ToyAdapter
from tests.engines.toy_adapter.names import quote
from tests.servers.toy import BUILT_IN, COLLECTOR, HOST, PASSWORD, ToyServer, start_toy
from whalefall_pipeline.adapters.engine import Adapter
from whalefall_pipeline.core.model import AccountState, Grant, Instance, Login, Securable

OBJECTS = {"server": "", "role": BUILT_IN, "table": "orders"}


def _to_case(scope: str, privilege: str, *, option: bool) -> ScopeCase:
    on = f"{privilege} ON {scope} {quote(OBJECTS[scope])}"
    return ScopeCase(
        f"{privilege} on {scope}",
        (f"GRANT {on} TO {quote(ACCOUNT)}{' WITH OPTION' if option else ''}",),
        (f"REVOKE {on} FROM {quote(ACCOUNT)}",),
        [Grant(ACCOUNT, privilege, Securable(scope, object=OBJECTS[scope]), option)],
    )


CASES = (
    _to_case("server", "ALL", option=False),
    _to_case("role", "MEMBER", option=True),
    _to_case("table", "READ", option=False),
    _to_case("table", "WRITE", option=True),
)


class ToyEngine:
    """See `tests.engines.engine.Server`."""

    adapter: Adapter = ToyAdapter()
    login = Login(COLLECTOR, PASSWORD)
    probe_username = ACCOUNT
    scope_cases: Sequence[ScopeCase] = CASES
    awkward_names: Sequence[str] = ('say "hi"', "o'brien", "back\\slash", "two words", "dot.ted", "at@home", "Ж" * 99)

    def __init__(self, running: ToyServer) -> None:
        self.running = running
        self.instance = Instance(1, "toy-under-test", "toy", HOST, running.port)

    def execute(self, *statements: str, database: str = "") -> None:
        for statement in statements:
            self.running.execute(statement)

    def create_accounts(self, names: Iterable[str], *, role: bool = False) -> list[str]:
        made = list(names)
        self.execute(*(f"CREATE {'ROLE' if role else 'USER'} {quote(name)}" for name in made))
        return made

    def drop_accounts(self, names: Iterable[str]) -> None:
        self.execute(*(f"DROP {quote(name)}" for name in names))

    def make_superuser(self, name: str) -> None:
        self.execute(f'GRANT ALL ON server "" TO {quote(name)}')

    def lock(self, name: str) -> None:
        self.execute(f"LOCK {quote(name)}")

    def grant_role(self, role: str, member: str) -> None:
        self.execute(f"GRANT MEMBER ON role {quote(role)} TO {quote(member)}")

    def kill_collectors(self) -> None:
        self.running.cut()

    def drawn_statements(self) -> SearchStrategy[list[str]]:
        cases = st.lists(st.sampled_from(CASES), unique_by=lambda case: case.name)
        return cases.map(
            lambda drawn: [f"CREATE USER {quote(ACCOUNT)}", *(line for case in drawn for line in case.grant)]
        )

    def reset(self) -> None:
        self.running.start_anew()

    def prepare(self) -> None:
        """Tables are what somebody was granted on: nothing has to be made."""

    def exclude_given(self, states: Iterable[AccountState]) -> dict[str, AccountState]:
        return {state.account.username: state for state in states if state.account.username != BUILT_IN}


@contextmanager
def start() -> Generator[ToyEngine]:
    with start_toy() as running:
        yield ToyEngine(running)
