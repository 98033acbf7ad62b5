"""A server whose collector is not shown what accounts are: no gate is open by that, and no `no` is given by it."""

from tests.adapters.mysql.access.test_logins import MAKE, READ
from tests.adapters.mysql.access.trying import read_population
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.mysql.access import ACCESS
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.model import GateState, Verdict
from whalefall_pipeline.core.model import Login as Credentials

SIGNS = ("authentication_string", "account_locked", "password_expired")


def test_attributes_that_are_not_shown_open_no_gate_and_make_no_no(settable_mysql: MysqlServer) -> None:
    server = settable_mysql
    columns = server.query(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = 'mysql' AND table_name = 'user'"
    )
    shown = ", ".join(f"`{name}`" for (name,) in columns if name not in SIGNS)
    tables = ("db", "tables_priv", "columns_priv", "procs_priv", "proxies_priv")
    roles = ("role_edges", "default_roles", "global_grants")
    server.execute(
        *MAKE,
        "CREATE ROLE outer_role, inner_role",
        "CREATE USER ann, bob, blind@localhost IDENTIFIED BY 'x'",
        "GRANT SELECT ON shop.t TO inner_role, bob",
        "GRANT inner_role TO outer_role",
        "GRANT outer_role TO ann",
        "SET DEFAULT ROLE outer_role TO ann",
        f"GRANT SELECT ({shown}) ON mysql.user TO blind@localhost",
        *(f"GRANT SELECT ON mysql.{name} TO blind@localhost" for name in (*tables, *roles)),
    )
    truth = Decider(ACCESS, read_population(server))
    seen = Decider(ACCESS, read_population(server, Credentials("blind", "x")))
    assert [truth.decide(name, READ).verdict for name in ("ann@%", "bob@%")] == [Verdict.YES, Verdict.YES]
    assert seen.decide("ann@%", READ).verdict is Verdict.UNKNOWN
    bob = seen.decide("bob@%", READ)
    (gate,) = [gate for gate in bob.gates if gate.name == "login"]
    assert (bob.verdict, gate.state) == (Verdict.YES, GateState.UNKNOWN)
    assert gate.reason == "not seen: account_kind, account_locked, password_expired"
    (opened,) = [gate for gate in truth.decide("bob@%", READ).gates if gate.name == "login"]
    assert opened.state is GateState.OPEN
