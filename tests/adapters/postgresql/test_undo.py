"""Every kind of change that the log knows, made on a real server and taken back: the next reading is as before."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import pytest

from tests.engines.postgresql import PostgresqlEngine
from tests.engines.postgresql_cases import GRANTED, PARAMETERS
from tests.engines.reading import read
from whalefall_pipeline.adapters.postgresql.names import quote
from whalefall_pipeline.core.diff import diff
from whalefall_pipeline.core.model import AccountState, Securable


class Change(NamedTuple):
    """Statements that come before a change, and those that make it.

    `gap` is in what is said not to come back by the account's own script. `stays`: and no other account's script brings
    it, so that the state before is not reached. `once`: the state after can't be reached again either.
    """

    name: str
    given: Sequence[str]
    made: Sequence[str]
    gap: str = ""
    stays: bool = False
    once: bool = False
    since: int = 14


ANN, BOB = "CREATE ROLE ann LOGIN;", "CREATE ROLE bob LOGIN;"
TEAM = "CREATE ROLE team;"
PASSWORD = "the password of"
OWNER = "is no longer its owner"
IN_TEAM = "GRANT team TO ann WITH ADMIN OPTION;"
FIRE = "CREATE FUNCTION app.fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
TRIGGER = "CREATE TRIGGER fire BEFORE INSERT ON app.orders EXECUTE FUNCTION app.fire();"
REACH = 'GRANT USAGE ON SCHEMA app, "Odd.Schema" TO ann;'
ODD = r'''"it's $$ \ ""odd""" ON "Odd.Schema"."Odd ""Table"'''
WILD = quote("x'y\"z\\\n\\! touch stolen\n$$; --")
POLICY = "CREATE POLICY seen ON app.orders FOR SELECT TO"


def build_grants(granted: Iterable[tuple[str, str, Securable]], grantee: str) -> list[str]:
    """Return what grants each privilege with its option."""
    return [f"GRANT {privilege} ON {target} TO {grantee} WITH GRANT OPTION;" for privilege, target, _ in granted]


CHANGES = [
    Change("a role is made", [], [TEAM]),
    Change("a role is made with all that one can have", [TEAM],
           ["CREATE ROLE boss SUPERUSER CREATEDB CREATEROLE REPLICATION BYPASSRLS CONNECTION LIMIT 3;",
            "ALTER ROLE boss VALID UNTIL '2031-01-01'; ALTER ROLE boss SET work_mem TO '9MB';",
            "GRANT team TO boss WITH ADMIN OPTION; GRANT SELECT ON app.orders TO boss WITH GRANT OPTION;"]),
    Change("a role is dropped", [TEAM, "GRANT SELECT ON app.orders TO team;"],
           ["DROP OWNED BY team; DROP ROLE team;"]),
    Change("a user is dropped", [ANN], ["DROP ROLE ann;"], PASSWORD),
    Change("a role that others are members of is dropped", [ANN, TEAM, IN_TEAM], ["DROP ROLE team;"]),
    Change("attributes are given", [TEAM],
           ["ALTER ROLE team SUPERUSER NOINHERIT CREATEROLE CREATEDB REPLICATION BYPASSRLS CONNECTION LIMIT 0;"]),
    Change("attributes are taken", ["CREATE ROLE boss SUPERUSER CREATEDB;"], ["ALTER ROLE boss NOSUPERUSER;"]),
    Change("a role may log in", [TEAM], ["ALTER ROLE team LOGIN;"]),
    Change("a user may not log in", [ANN], ["ALTER ROLE ann NOLOGIN;"]),
    Change("a password has an end", [ANN], ["ALTER ROLE ann VALID UNTIL '2031-01-01 10:00+02';"]),
    Change("a password has no end", ["CREATE ROLE ann LOGIN VALID UNTIL '2031-01-01';"],
           ["ALTER ROLE ann VALID UNTIL 'infinity';"]),
    Change("settings are made", [ANN],
           ["ALTER ROLE ann SET search_path TO app, \"Odd.Schema\";",
            "ALTER ROLE ann IN DATABASE wf_shop SET work_mem TO '9MB';"]),
    Change("settings are changed", [ANN, "ALTER ROLE ann SET work_mem TO '9MB';"],
           [r"ALTER ROLE ann SET work_mem TO '8MB'; ALTER ROLE ann SET application_name TO E'it''s \\';"]),
    Change("settings go", [ANN, "ALTER ROLE ann SET work_mem TO '9MB';"], ["ALTER ROLE ann RESET ALL;"]),
    Change("a setting of an application is made", [ANN], ["ALTER ROLE ann SET app.dsn TO 'one';"], once=True),
    Change("a setting of an application goes", [ANN, "ALTER ROLE ann SET app.dsn TO 'one';"],
           ["ALTER ROLE ann RESET app.dsn;"], "its value is not known here", stays=True),
    Change("a list of names is empty", [ANN],
           ["SELECT set_config('search_path', '', false);",
            "ALTER ROLE ann SET search_path FROM CURRENT;"], once=True),
    Change("a list of names is empty no longer", [ANN, "SELECT set_config('search_path', '', false);",
           "ALTER ROLE ann SET search_path FROM CURRENT;"], ["ALTER ROLE ann RESET search_path;"], stays=True),
    Change("a role is granted", [ANN, TEAM], [IN_TEAM]),
    Change("a role is revoked", [ANN, TEAM, IN_TEAM], ["REVOKE team FROM ann;"]),
    Change("an admin option is revoked", [ANN, TEAM, IN_TEAM], ["REVOKE ADMIN OPTION FOR team FROM ann;"]),
    Change("a role is granted by its admin", [ANN, BOB, TEAM, IN_TEAM],
           ["SET ROLE ann; GRANT team TO bob WITH ADMIN OPTION; RESET ROLE;"]),
    Change("an admin option is granted by another", [ANN, BOB, TEAM, IN_TEAM, "GRANT team TO bob;"],
           ["SET ROLE ann; GRANT team TO bob WITH ADMIN OPTION; RESET ROLE;"]),
    Change("options are given", [ANN, TEAM, "GRANT team TO ann WITH INHERIT FALSE, SET FALSE;"],
           ["GRANT team TO ann WITH INHERIT TRUE;"], since=16),
    Change("options are taken", [ANN, TEAM, IN_TEAM], ["GRANT team TO ann WITH SET FALSE;"], since=16),
    Change("options are given by another",
           [ANN, BOB, TEAM, IN_TEAM, "GRANT team TO bob WITH INHERIT FALSE, SET FALSE;"],
           ["SET ROLE ann; GRANT team TO bob WITH INHERIT TRUE; RESET ROLE;"], since=16),
    Change("a role of the server's is granted", [ANN], ["GRANT pg_read_all_data TO ann WITH ADMIN OPTION;"]),
    Change("a role of the server's is given something", [],
           ["GRANT INSERT ON app.orders TO pg_monitor; GRANT wf_role TO pg_monitor;"]),
    Change("a table is granted", [ANN], ["GRANT SELECT, UPDATE (total) ON app.orders TO ann WITH GRANT OPTION;"]),
    Change("a table is revoked", [ANN, "GRANT SELECT, INSERT, UPDATE (id, total) ON app.orders TO ann;"],
           ["REVOKE ALL ON app.orders FROM ann;"]),
    Change("a table is granted beside columns", [ANN, "GRANT SELECT (id), UPDATE (total) ON app.orders TO ann;"],
           ["GRANT SELECT, UPDATE, INSERT ON app.orders TO ann WITH GRANT OPTION;"]),
    Change("everybody has a table beside columns", ["GRANT SELECT (id) ON app.order_view TO PUBLIC;"],
           ["GRANT SELECT ON app.order_view TO PUBLIC;"]),
    Change("a grant option is granted", [ANN, "GRANT SELECT ON app.orders TO ann;"],
           ["GRANT SELECT ON app.orders TO ann WITH GRANT OPTION;"]),
    Change("a grant option is revoked", [ANN, "GRANT SELECT ON app.orders TO ann WITH GRANT OPTION;"],
           ["REVOKE GRANT OPTION FOR SELECT ON app.orders FROM ann;"]),
    Change("everything is granted by another", [ANN, BOB, REACH, *build_grants(GRANTED, "ann")],
           ["SET ROLE ann;", *build_grants(GRANTED, "bob"), "RESET ROLE;"]),
    Change("parameters are granted by another", [ANN, BOB, *build_grants(PARAMETERS, "ann")],
           ["SET ROLE ann;", *build_grants(PARAMETERS, "bob"), "RESET ROLE;"], since=15),
    Change("a grant option is granted by another", [ANN, BOB, "GRANT SELECT ON app.orders TO bob;", REACH,
           "GRANT SELECT ON app.orders TO ann WITH GRANT OPTION;"],
           ["SET ROLE ann; GRANT SELECT ON app.orders TO bob WITH GRANT OPTION; RESET ROLE;"]),
    Change("everybody is granted by another", [ANN, REACH, "GRANT SELECT ON app.orders TO ann WITH GRANT OPTION;"],
           ["SET ROLE ann; GRANT SELECT ON app.orders TO PUBLIC; RESET ROLE;"]),
    Change("an owner gives up what it may do", ["ALTER TABLE app.items OWNER TO wf_role;"],
           ["REVOKE INSERT ON app.items FROM wf_role;"]),
    Change("the only privilege on a table is granted", [TEAM, "REVOKE ALL ON app.events FROM postgres;"],
           ["GRANT SELECT ON app.events TO team;"]),
    Change("everybody loses a default", [], ["REVOKE EXECUTE ON FUNCTION app.total(int) FROM PUBLIC;",
           "REVOKE EXECUTE ON FUNCTION pg_sleep(float8) FROM PUBLIC; REVOKE CONNECT ON DATABASE wf_shop FROM PUBLIC;"]),
    Change("future objects are granted", [ANN],
           ["ALTER DEFAULT PRIVILEGES FOR ROLE wf_role IN SCHEMA app"
            " GRANT SELECT ON TABLES TO ann WITH GRANT OPTION;"]),
    Change("everybody loses what is to come", [],
           ["ALTER DEFAULT PRIVILEGES FOR ROLE wf_role REVOKE EXECUTE ON ROUTINES FROM PUBLIC;"]),
    Change("a parameter is granted", [ANN], ["GRANT SET, ALTER SYSTEM ON PARAMETER work_mem TO ann;"], since=15),
    Change("a table has another owner", [ANN, "GRANT SELECT ON app.items TO ann;"],
           ["ALTER TABLE app.items OWNER TO ann;"], OWNER),
    Change("a language that is not trusted has another owner", [ANN], ["ALTER LANGUAGE wf_untrusted OWNER TO ann;"],
           OWNER),
    Change("a routine has another owner and runs as that", [ANN],
           ["ALTER PROCEDURE app.tidy OWNER TO ann; ALTER PROCEDURE app.tidy SECURITY DEFINER;"],
           "SECURITY DEFINER stays", stays=True),
    Change("an owner has another one's", [ANN, BOB, "ALTER TABLE app.items OWNER TO bob;"],
           ["ALTER TABLE app.items OWNER TO ann;"], OWNER),
    Change("the server's own has another owner", [ANN], ["ALTER FUNCTION pg_catalog.now() OWNER TO ann;"]),
    Change("an extension has another owner", [ANN, BOB, "DROP EXTENSION plpgsql CASCADE;",
           "ALTER DATABASE wf_shop OWNER TO bob; SET ROLE bob; CREATE EXTENSION plpgsql;",
           "RESET ROLE; ALTER DATABASE wf_shop OWNER TO postgres;"],
           ["REASSIGN OWNED BY bob TO ann;"], "no statement changes that", stays=True),
    Change("a policy is for one more", [ANN, f"{POLICY} wf_role USING (true);"],
           ["ALTER POLICY seen ON app.orders TO wf_role, ann;"]),
    Change("a policy is for another", [ANN, f"{POLICY} wf_role USING (true);"],
           ["ALTER POLICY seen ON app.orders TO ann;"]),
    Change("a policy is for everybody", [ANN, f"{POLICY} wf_role, ann USING (true);"],
           ["ALTER POLICY seen ON app.orders TO PUBLIC;"]),
    Change("a policy is no longer for everybody", [ANN, f"{POLICY} PUBLIC USING (true);"],
           ["ALTER POLICY seen ON app.orders TO ann, wf_role;"]),
    Change("a policy has an odd name", [ANN, f"CREATE POLICY {ODD} TO wf_role USING (true);"],
           [f"ALTER POLICY {ODD} TO wf_role, ann;"]),
    Change("a policy is of another kind", [ANN, f"{POLICY} ann USING (true);"],
           ["DROP POLICY seen ON app.orders;", "CREATE POLICY seen ON app.orders AS RESTRICTIVE TO ann USING (true);"],
           "no statement changes that but DROP and CREATE POLICY", stays=True),
    Change("names that want out of their quotes",
           [ANN, TEAM, f"CREATE ROLE {WILD}; CREATE TABLE app.{WILD} (id int); GRANT USAGE ON SCHEMA app TO {WILD};",
            f"CREATE POLICY {WILD} ON app.{WILD} TO wf_role USING (true);"],
           [f"GRANT team TO {WILD} WITH ADMIN OPTION; GRANT SELECT (id) ON app.{WILD} TO {WILD} WITH GRANT OPTION;",
            f"ALTER POLICY {WILD} ON app.{WILD} TO wf_role, {WILD};",
            f"SET ROLE {WILD}; GRANT SELECT (id) ON app.{WILD} TO ann; GRANT team TO ann; RESET ROLE;"]),
    Change("row level security", [],
           ["ALTER TABLE app.orders ENABLE ROW LEVEL SECURITY; ALTER TABLE app.orders FORCE ROW LEVEL SECURITY;"]),
    Change("a definer", [], ["ALTER PROCEDURE app.tidy SECURITY DEFINER;"]),
    Change("a mapping is made", [ANN], ["CREATE USER MAPPING FOR ann SERVER wf_server;"]),
    Change("a mapping goes", [ANN, "CREATE USER MAPPING FOR ann SERVER wf_server;"],
           ["DROP USER MAPPING FOR ann SERVER wf_server;"], "options of the user mapping"),
    Change("a trigger runs another's code", [ANN, FIRE, TRIGGER], ["ALTER FUNCTION app.fire() OWNER TO ann;"], OWNER),
    Change("a trigger with another's code is made", [ANN, FIRE, "ALTER FUNCTION app.fire() OWNER TO ann;"], [TRIGGER],
           "the owner of its function", stays=True),
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_a_change_is_undone_and_done_again(engine: PostgresqlEngine, change: Change) -> None:
    if engine.version < change.since:
        pytest.skip(f"since {change.since}")
    engine.execute(*change.given)
    before = read(engine).states
    engine.execute(*change.made)
    after = read(engine).states
    assert find_differing(before, after)
    gaps = undo(engine, after, before)
    assert bool(gaps) is bool(change.gap), gaps
    assert change.gap in " ".join(gaps)
    left = find_differing(read(engine).states, before)
    assert bool(left) is change.stays, left
    if not (change.stays or change.once):
        undo(engine, before, after)
        assert find_differing(read(engine).states, after) == []


def undo(engine: PostgresqlEngine, now: Mapping[str, AccountState], then: Mapping[str, AccountState]) -> list[str]:
    """Take each account back by itself: those that come back first, then those that gain something; return the gaps."""

    def place(name: str) -> tuple[bool, bool, str]:
        difference = diff(now.get(name), then.get(name))
        return name in now, not difference.gained, name

    gaps: list[str] = []
    for name in sorted(find_differing(now, then), key=place):
        gaps += engine.adapter.find_gaps(now.get(name), then.get(name))
        engine.execute(*engine.adapter.build_change(now.get(name), then.get(name)))
    return gaps


def find_differing(before: Mapping[str, AccountState], after: Mapping[str, AccountState]) -> list[str]:
    return [name for name in before.keys() | after.keys() if diff(before.get(name), after.get(name))]


def test_a_policy_is_never_for_nobody(engine: PostgresqlEngine) -> None:
    """Who has it to himself now has to wait for those who are to have it again."""
    engine.execute(ANN, f"{POLICY} wf_role USING (true);")
    before = read(engine).states
    engine.execute("ALTER POLICY seen ON app.orders TO ann;")
    after = read(engine).states
    with pytest.raises(AssertionError, match="the policy is for nobody else: first say whom it is to be for"):
        engine.execute(*engine.adapter.build_change(after["ann"], before["ann"]))
    assert find_differing(read(engine).states, after) == []


def test_a_policy_that_is_gone_is_said_to_be(engine: PostgresqlEngine) -> None:
    engine.execute(ANN, f"{POLICY} ann USING (true);")
    before = read(engine).states
    engine.execute("DROP POLICY seen ON app.orders;")
    with pytest.raises(AssertionError, match=r"there is no policy seen on app\.orders"):
        engine.execute(*engine.adapter.build_change(read(engine).states["ann"], before["ann"]))


def test_what_a_role_may_do_by_what_it_is_can_be_taken(engine: PostgresqlEngine) -> None:
    engine.execute("CREATE ROLE boss SUPERUSER CREATEDB CREATEROLE REPLICATION BYPASSRLS LOGIN CONNECTION LIMIT 3;")
    before = read(engine).states
    boss, rules = before["boss"], engine.adapter.rules
    engine.execute(
        *engine.adapter.build_change(boss, replace(boss, account=rules.build_powerless(boss.account), held=frozenset()))
    )
    after = read(engine).states["boss"].account.attributes
    assert {name for name, value in after.items() if value is True} == {"rolcanlogin", "rolinherit"}
    assert after["rolconnlimit"] == 3
    (first,) = [state.account for state in before.values() if state.account.attributes.get("bootstrap_superuser")]
    assert rules.build_powerless(first) == first


def test_code_of_a_role_that_is_dropped_runs_as_no_superuser(engine: PostgresqlEngine) -> None:
    """What it owned is whose who dropped it."""
    routine = "app." + quote("own\n(name")
    engine.execute(
        f"{ANN} CREATE ROLE eve; GRANT USAGE ON SCHEMA app TO ann, eve;",
        "GRANT CREATE ON SCHEMA app TO ann; SET ROLE ann;",
        f"CREATE FUNCTION {routine}(VARIADIC int[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER",
        "AS 'BEGIN ALTER ROLE eve SUPERUSER; END';",
        "CREATE PROCEDURE app.own(INOUT a int) LANGUAGE plpgsql SECURITY DEFINER",
        "AS 'BEGIN ALTER ROLE eve SUPERUSER; END'; RESET ROLE;",
    )
    engine.execute(*engine.adapter.build_change(read(engine).states["ann"], None), database="postgres")
    for call in (f"SELECT {routine}(1)", "CALL app.own(1)"):
        with pytest.raises(AssertionError, match=r"permission denied|must be superuser"):
            engine.execute(f"SET ROLE eve; {call};")
    states = read(engine).states
    assert "ann" not in states
    assert not states["eve"].account.attributes["rolsuper"]
