"""The script of `instances grants` names every view that is asked, and the record each one that is not granted."""

import re

import pytest
import sqlglot

from tests.adapters.oracle.reading import PDB, ROOT, read
from tests.servers.oracle import StandIn
from whalefall_pipeline.adapters.engine import Opening, Product
from whalefall_pipeline.adapters.oracle import OracleAdapter
from whalefall_pipeline.adapters.oracle.catalog import OF_ALL, OF_ONE
from whalefall_pipeline.core.errors import InvalidInstanceError, SyncDataError

LOGINS = {PDB: "WHALEFALL", ROOT: "C##WHALEFALL"}
VERSION_19 = Product("oracle", (19,))


def build(login: str, product: Product = VERSION_19) -> list[Opening]:
    return OracleAdapter().build_collector(login, product)


def list_views(lines: list[Opening]) -> dict[str, Opening]:
    found = {re.search(r"ON SYS\.(\S+)", line.statement): line for line in lines}
    return {match[1]: line for match, line in found.items() if match}


@pytest.mark.parametrize("service", [PDB, ROOT])
def test_every_line_is_needed_and_the_record_names_the_one_that_is_missing(server: StandIn, service: str) -> None:
    views = list_views(build(LOGINS[service]))
    needed = {view for view, line in views.items() if not line.is_optional}
    complete = read(server, service)
    for view in sorted(needed):
        server.hide(view)
        try:
            reasons = set(read(server, service).unseen.values()) - set(complete.unseen.values())
        except SyncDataError as error:
            reasons = {str(error)}
        server.failing.clear()
        assert reasons, view
        assert all(view in reason and "GRANT SELECT ON SYS." in reason for reason in reasons), (view, reasons)
    assert read(server, service).coverage == complete.coverage


@pytest.mark.parametrize("is_root", [False, True])
def test_every_view_of_the_catalog_is_granted(is_root: bool) -> None:
    lines = build("C##WF" if is_root else "WF", Product("oracle", (23, 4)))
    texts = " ".join((OF_ALL if is_root else OF_ONE).values()).upper()
    asked = set(re.findall(r"SYS\.([\w$]+)", texts))
    assert list_views(lines).keys() == asked
    before_23 = list_views(build("C##WF" if is_root else "WF")).keys()
    assert {view.removeprefix("CDB_").removeprefix("DBA_") for view in asked - before_23} == {"SCHEMA_PRIVS"}


def test_a_login_has_no_password_that_anybody_knows() -> None:
    assert "NO AUTHENTICATION" in build("WF")[0].statement
    assert '"&password"' in build("WF", Product("oracle", (12, 2)))[0].statement


@pytest.mark.parametrize("name", ['a"b', "a\nb", ""])
def test_a_name_that_no_user_can_have_is_refused(name: str) -> None:
    with pytest.raises(InvalidInstanceError, match="no name of a user"):
        build(name)


@pytest.mark.parametrize("login", ["WF", "C##WF"])
def test_grants_are_sql(login: str) -> None:
    for line in build(login):
        if line.statement.startswith("GRANT"):
            assert sqlglot.parse_one(line.statement.replace(" CONTAINER=ALL", ""), read="oracle")
