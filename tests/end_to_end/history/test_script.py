"""`whalefall script` gives an empty server the snapshots that the ledger holds of another, and takes changes back."""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.cli.conftest import Run
from tests.end_to_end.history.watched import Snapshots, Watched
from tests.engines.engine import ACCOUNT, Server
from tests.engines.postgresql import COLLECTOR, PostgresqlEngine
from tests.engines.postgresql_cases import DATABASE, ROLES
from tests.engines.test_scopes import grant_all
from tests.ledger.rows import read

StartSecond = Callable[[], Server]

ON_A_SERVER = settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)


def build_script(whalefall: Run, watched: Watched, *words: str) -> list[str]:
    """Return the lines of the command's output."""
    said = whalefall("script", watched.name, *words)
    gaps = said.stderr.splitlines()
    assert said.returncode == (1 if gaps else 0)
    assert all(gap.startswith("not undone: ") for gap in gaps)
    assert "--undo" in words or not gaps
    return said.stdout.splitlines()


def run_script(server: Server, lines: list[str]) -> None:
    """Run a whole instance's script on a server that has the objects and none of the accounts."""
    if isinstance(server, PostgresqlEngine):
        server.execute(
            "ALTER POLICY wf_policy ON app.orders TO PUBLIC;", database=DATABASE
        )  # else it goes with its role
        server.drop_accounts([COLLECTOR.username, *ROLES])
        lines = [*lines, f"ALTER ROLE {COLLECTOR.username} PASSWORD '{COLLECTOR.password}';"]
    server.execute(*lines)


def read_re_created(watched: Watched, second: Server, lines: list[str]) -> Snapshots:
    """Run a script on a second server, sync that into the same ledger, and give its snapshots."""
    run_script(second, lines)
    other = Watched(watched.ledger, second, watched.home, f"{watched.name} again")
    other.sync_well()
    return other.read_comparable()


def test_a_script_from_the_ledger_re_creates_every_scope(
    watched: Watched, server: Server, start_second: StartSecond, whalefall: Run
) -> None:
    server.create_accounts([ACCOUNT])
    grant_all(server)
    watched.sync_well()
    lines = build_script(whalefall, watched)
    assert read_re_created(watched, start_second(), lines) == watched.read_comparable()


@ON_A_SERVER
@given(choices=st.data())
def test_whatever_is_granted_is_re_created_from_the_ledger(
    watched: Watched, start_second: StartSecond, whalefall: Run, choices: st.DataObject
) -> None:
    server = watched.server
    server.reset()
    server.prepare()
    server.execute(*choices.draw(server.drawn_statements()))
    number = len(read(watched.ledger, "select from instances"))
    drawn = Watched(watched.ledger, server, watched.home, f"drawn {number}")
    drawn.sync_well()
    lines = build_script(whalefall, drawn)
    assert read_re_created(drawn, start_second(), lines) == drawn.read_comparable()


def test_a_past_moment_is_re_created_and_changes_are_taken_back(
    watched: Watched, server: Server, start_second: StartSecond, whalefall: Run
) -> None:
    server.create_accounts([ACCOUNT, "wf_leaver"])
    cases = server.scope_cases
    for case in cases[::2]:
        server.execute(*case.grant, database=case.database)
    watched.sync_well()
    before = watched.read_comparable()
    (change,) = watched.read_log(server.probe_username)
    moment = change["change_time"].isoformat()
    for case in cases[1::2]:
        server.execute(*case.grant, database=case.database)
    server.drop_accounts(["wf_leaver"])
    server.create_accounts(["wf_comer"])
    watched.sync_well()
    after = watched.read_comparable()
    assert after.keys() != before.keys()
    assert after[server.probe_username] != before[server.probe_username]

    lines = build_script(whalefall, watched, "--as-of", moment)
    assert read_re_created(watched, start_second(), lines) == before

    # who lost what it owned comes before who gained it, and new accounts go last: nothing is theirs by then
    changes = watched.read_changes(watched.sessions[-1])
    for change in sorted(changes, key=lambda change: (change["change_type"] == "add", change["username"])):
        server.execute(*build_script(whalefall, watched, "--undo", str(change["id"])))
    watched.sync_well()
    assert watched.read_comparable() == before


@pytest.mark.parametrize("engine", ["mysql"], indirect=True)
def test_what_no_statement_takes_back_is_said_with_an_exit_code(
    watched: Watched, server: Server, whalefall: Run
) -> None:
    server.create_accounts([ACCOUNT])
    watched.sync_well()
    server.execute(f"ALTER USER {ACCOUNT}@'%' IDENTIFIED WITH sha256_password BY 'another one, 1'")
    watched.sync_well()
    (change,) = watched.read_changes(watched.sessions[-1])
    said = whalefall("script", watched.name, "--undo", str(change["id"]))
    assert said.returncode == 1
    assert "not undone: " in said.stderr
    assert "another one" not in said.stdout + said.stderr
