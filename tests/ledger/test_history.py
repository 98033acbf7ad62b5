"""Any past moment can be told: snapshots rebuilt from intervals, the present replayed from the log."""

from datetime import datetime
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from tests.core.reversing import apply, to_difference
from tests.engines.scripted import FLAGS, OBSERVED, Fleet
from tests.ledger.rows import read
from whalefall_pipeline.adapters.postgresql import rules
from whalefall_pipeline.core.model import Account, AccountState, Grant, Kind, Observation, Securable, Seen
from whalefall_pipeline.core.snapshot import to_state
from whalefall_pipeline.ledger.history import read_snapshot_at, read_states_at

USERNAMES = ("ana", "bob", "readers", "Ünï.code \"x'")
SECURABLES = (
    Securable("database", "shop"),
    Securable("table", "shop", "public", "orders"),
    Securable("column", "shop", "public", "orders", "total"),
    Securable("table", "hr", "public", "salaries"),
    Securable("role", object="readers"),
)
DATABASES = ("shop", "hr")


def _to_grant(name: str, securable: Securable, option: bool) -> Grant:
    return Grant(name, "MEMBER" if securable.scope == "role" else "SELECT", securable, option)


@st.composite
def readings(draw: st.DrawFn) -> tuple[list[Account], list[Grant], dict[str, Observation]]:
    """Draw what one reading gives: some accounts, some grants in the scopes that were seen, and what was not."""
    names = draw(st.lists(st.sampled_from(USERNAMES), unique=True))
    kinds = st.sampled_from([Kind.USER, Kind.ROLE])
    accounts = [Account(name, draw(kinds), {**FLAGS, "rolcanlogin": draw(st.booleans())}) for name in names]
    unseen = draw(st.sets(st.sampled_from(DATABASES), max_size=1))
    seen = {f"database:{name}": OBSERVED for name in DATABASES if name not in unseen}
    hidden = {f"database:{name}": Observation(Seen.UNREACHABLE, "refused") for name in unseen}
    grants = st.builds(
        _to_grant,
        st.sampled_from(names or [""]),
        st.sampled_from([item for item in SECURABLES if item.database not in unseen or item.scope == "database"]),
        st.booleans(),
    )
    drawn = draw(st.lists(grants, max_size=8, unique_by=lambda grant: grant[:3])) if names else []
    return accounts, drawn, {"server": OBSERVED, **seen, **hidden}


@given(st.lists(readings(), min_size=1, max_size=6))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_snapshots_are_rebuilt_from_intervals_and_replayed_from_the_log(fleet: Fleet, history: list[Any]) -> None:
    fleet.register(f"instance {len(fleet.instances)}")
    instance = fleet.instances[-1]
    moments: list[tuple[datetime, dict[str, Any]]] = []
    for accounts, grants, coverage in history:
        fleet.adapter.accounts, fleet.adapter.grants, fleet.adapter.coverage = accounts, grants, coverage
        (outcome,) = fleet.sync([instance], accept_collapse=True)
        assert outcome.error is None
        moments.append(_read_stored(fleet.engine, instance.id))
    for at, snapshots in moments:
        with fleet.engine.connect() as connection:
            assert read_states_at(connection, instance.id, at).keys() == snapshots.keys()
            for username, snapshot in snapshots.items():
                assert read_snapshot_at(connection, instance.id, username, at, rules.RULES) == snapshot
    replayed = _replay(fleet.engine, instance.id)
    assert replayed == {name: to_state(name, snapshot, rules.RULES) for name, snapshot in moments[-1][1].items()}


def _read_stored(engine: Engine, instance_id: int) -> tuple[datetime, dict[str, Any]]:
    (row,) = read(engine, "select permissions_read_at at from instances where id = :id", id=instance_id)
    stored = read(
        engine,
        "select username, permission_snapshot s from account_permission where is_active and instance_id = :id",
        id=instance_id,
    )
    return row["at"], {row["username"]: row["s"] for row in stored}


def _replay(engine: Engine, instance_id: int) -> dict[str, AccountState]:
    entries = read(engine, "select * from account_change_log where instance_id = :id order by id", id=instance_id)
    states: dict[str, AccountState] = {}
    for entry in entries:
        username = entry["username"]
        difference = to_difference(entry["privilege_diff"], entry["other_diff"])
        if entry["change_type"] == "delete":
            del states[username]
            continue
        before = states.get(username)
        states[username] = apply(difference, before, username)
    return states
