"""Code that runs with its owner's rights: it is read, no text of it is, and no script makes or ends it."""

import pytest

from tests.adapters.oracle.reading import PDB, ROOT, read
from tests.servers.oracle import VERSION_23, StandIn
from whalefall_pipeline.adapters.oracle import OracleAdapter
from whalefall_pipeline.core.model import AccountState

MADE = (
    'CREATE PROCEDURE "HR"."RAISE" AS BEGIN NULL; END;',
    'CREATE PACKAGE "HR"."TOOLS" AS PROCEDURE ONE; PROCEDURE TWO; END;',
    'CREATE FUNCTION "HR"."TOTAL" AUTHID CURRENT_USER RETURN NUMBER AS BEGIN RETURN 0; END;',
    'CREATE TABLE "HR"."EMP" ("id" NUMBER)',
    'CREATE PROCEDURE "SYS"."OF_ORACLE" AS BEGIN NULL; END;',
)


@pytest.fixture
def server() -> StandIn:
    server = StandIn(VERSION_23)
    server.execute('CREATE USER "HR" IDENTIFIED BY "x"', *MADE)
    return server


def find(server: StandIn, service: str) -> dict[str, set[tuple[str, str]]]:
    """Return the marks by account."""
    seen = read(server, service)
    assert seen.unseen == {}
    found = {name: {token for token in seen.tokens(name) if token[1].startswith("definer ")} for name in seen.states}
    return {name: tokens for name, tokens in found.items() if tokens}


@pytest.mark.parametrize(("service", "owner"), [(PDB, "HR"), (ROOT, f"{PDB}.HR")])
def test_its_owner_holds_a_mark_as_long_as_it_is_there(server: StandIn, service: str, owner: str) -> None:
    """Not of what runs as its caller, is no code, or came with Oracle; of a package one, whatever it holds."""
    marks = {("PROCEDURE", f"definer {PDB}.HR.RAISE"), ("PACKAGE", f"definer {PDB}.HR.TOOLS")}
    assert find(server, service) == {owner: marks}
    server.execute('DROP PACKAGE "HR"."TOOLS"')
    assert find(server, service) == {owner: {("PROCEDURE", f"definer {PDB}.HR.RAISE")}}
    server.execute('DROP USER "HR" CASCADE')
    assert find(server, service) == {}


def test_no_script_makes_it_and_what_a_change_leaves_out_is_said(server: StandIn) -> None:
    adapter, state = OracleAdapter(), read(server).states["HR"]
    assert not [line for line in adapter.build_script({"HR": state}) if "RAISE" in line]
    without = AccountState(state.account, frozenset(item for item in state.held if item.securable.scope != "definer"))
    assert [line for line in adapter.build_change(state, without) if "RAISE" in line] == [
        f"-- definer {PDB}.HR.RAISE runs with the rights of HR until it is made again or dropped"
    ]
    (gap,) = adapter.find_gaps(state, without)
    assert gap == (
        f"HR: no grant makes code run with its rights, or ends that: definer {PDB}.HR.RAISE, definer {PDB}.HR.TOOLS"
    )
    assert adapter.find_gaps(state, state) == []
