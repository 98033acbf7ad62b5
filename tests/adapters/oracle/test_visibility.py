"""What can't be seen of an Oracle dictionary is not observed, and everything else is complete."""

from datetime import UTC, datetime

import pytest

from tests.adapters.oracle.reading import PART_VIEWS, PDB, ROOT, read
from tests.servers.oracle import VERSION_23, StandIn
from whalefall_pipeline.adapters.oracle import rules
from whalefall_pipeline.core.errors import SyncDataError
from whalefall_pipeline.core.model import Seen, is_observed
from whalefall_pipeline.core.unseen import carry_unseen

NOW = datetime(2026, 11, 24, tzinfo=UTC)


FAILURES = {
    "ORA-00942": (Seen.DENIED, "GRANT SELECT ON SYS."),
    "ORA-01031": (Seen.DENIED, "GRANT SELECT ON SYS."),
    "ORA-41900": (Seen.DENIED, "GRANT SELECT ON SYS."),
    "ORA-00904": (Seen.DENIED, "lacks a column"),
    "DPY-4024": (Seen.TIMED_OUT, "within the statement's time"),
    "ORA-01555": (Seen.UNREACHABLE, "can't be read"),
}


@pytest.mark.parametrize("part", PART_VIEWS)
@pytest.mark.parametrize("code", FAILURES)
def test_one_view_that_fails_hides_its_part_only(server: StandIn, part: str, code: str) -> None:
    complete = read(server)
    server.failing[PART_VIEWS[part]] = code
    partial = read(server)
    (unseen,) = partial.unseen
    status, words = FAILURES[code]
    assert partial.coverage[unseen].status is status
    assert PART_VIEWS[part] in partial.unseen[unseen]
    assert words in partial.unseen[unseen]
    assert read(server).coverage == partial.coverage

    lost = set(complete.grants) - set(partial.grants)
    assert set(partial.grants) <= set(complete.grants)
    for grant in complete.grants:
        scope = rules.RULES.observed_by(grant.securable.scope, grant.securable.database)
        assert is_observed(scope, partial.coverage) is (rules.part_of(grant.securable.scope) != part)
        assert (grant in lost) is (rules.part_of(grant.securable.scope) == part)


@pytest.mark.parametrize("view", ["DBA_USERS", "DBA_ROLES"])
def test_an_account_list_that_is_not_whole_is_no_list(server: StandIn, view: str) -> None:
    server.hide(view)
    with pytest.raises(SyncDataError, match="the account list is not whole") as caught:
        read(server)
    assert view in str(caught.value)


@pytest.mark.parametrize("service", [PDB, ROOT])
@pytest.mark.parametrize("code", ["ORA-00942", "DPY-4024"])
def test_a_password_file_that_can_not_be_read_is_not_observed(server: StandIn, service: str, code: str) -> None:
    server.tables.insert("pwfile_users", username="ASMADMIN", sysdba="TRUE")
    complete = read(server, service)
    server.failing["V_$PWFILE_USERS"] = code
    partial = read(server, service)
    assert {grant for grant in complete.grants if "password_file" not in grant.securable.scope} == set(partial.grants)
    assert "V_$PWFILE_USERS" in partial.unseen["server/password_file"]
    sys = complete.states["SYS"]
    assert carry_unseen(partial.states["SYS"], sys.held, partial.coverage, rules.RULES) == sys
    # only what failed for the moment may still hide accounts that were taken from the file before
    assert partial.may_hide["SCOTT"] is (code == "DPY-4024")


def test_a_flag_that_can_not_be_read_is_unseen() -> None:
    server = StandIn(VERSION_23)
    server.hide("DBA_TAB_COLUMNS")
    server.failing_words["read_only = 'yes'"] = "DPY-4024"
    accounts = {account.username: account.unseen for account in read(server).accounts}
    assert (accounts["SYS"], accounts["DBA"]) == ({"read_only"}, frozenset())


def test_what_the_profile_makes_of_a_date_is_no_change_of_the_account(server: StandIn) -> None:
    server.execute("CREATE USER LATE IDENTIFIED BY pw PASSWORD EXPIRE", "CREATE USER FRESH IDENTIFIED BY pw")
    server.tables.update("users", {"expiry_date": datetime(2026, 5, 1)}, con_id=3)  # noqa: DTZ001 - as Oracle has it
    attributes = {account.username: account.attributes for account in read(server).accounts}
    assert attributes["LATE"]["expiry_date"] == "2026-05-01T00:00:00"
    assert "expiry_date" not in attributes["FRESH"]
