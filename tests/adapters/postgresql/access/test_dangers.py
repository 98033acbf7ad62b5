"""Each way to more is taken on a server, by a role that has nothing else, and is told of that role."""

import psycopg
import pytest
from psycopg.pq import ExecStatus

from tests.adapters.postgresql.access.climbing import (
    AS_INVOKER,
    BOSS,
    MALLORY,
    MARK,
    PASSWORD,
    Stage,
    list_words,
)
from tests.engines.postgresql import DATABASE
from whalefall_pipeline.core.access.model import Question, Verdict
from whalefall_pipeline.core.model import MEMBER, Securable


def test_who_has_nothing_has_no_way(stage: Stage) -> None:
    assert stage.find() == []


PREDEFINED = {
    "pg_execute_server_program": "COPY wf_seen FROM PROGRAM 'id -un'",
    "pg_write_server_files": "COPY wf_seen TO '{data}/wf_written'",
    "pg_read_server_files": "COPY wf_seen FROM '{data}/PG_VERSION'",
}


@pytest.mark.parametrize("role", list(PREDEFINED))
def test_files_and_programs_of_the_server(stage: Stage, role: str) -> None:
    statement = PREDEFINED[role].format(data=stage.read_value("SHOW data_directory"))
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        stage.run_as(MALLORY, statement)
    stage.run(f"GRANT {role} TO {MALLORY}")
    stage.run_as(MALLORY, statement)
    (way, *_) = stage.find()
    assert str(way).startswith(f"member of {role}, {role} ")
    assert way.danger.becomes == ""


ROUTINES = {
    "lo_export(oid, text)": "SELECT lo_export(4711, '{data}/wf_exported')",
    "lo_import(text)": "SELECT lo_import('{data}/PG_VERSION')",
    "pg_read_file(text)": "SELECT pg_read_file('PG_VERSION')",
    "pg_read_binary_file(text)": "SELECT pg_read_binary_file('PG_VERSION')",
}


@pytest.mark.parametrize("routine", list(ROUTINES))
def test_routines_that_reach_files(stage: Stage, routine: str) -> None:
    statement = ROUTINES[routine].format(data=stage.read_value("SHOW data_directory"))
    stage.run_as(MALLORY, "SELECT lo_create(4711)")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        stage.run_as(MALLORY, statement)
    stage.run(f"GRANT EXECUTE ON FUNCTION pg_catalog.{routine} TO {MALLORY}")
    try:
        stage.run_as(MALLORY, statement)
        (way,) = stage.find()
        assert str(way).startswith(f"EXECUTE on {routine}")
    finally:
        stage.run(f"REVOKE EXECUTE ON FUNCTION pg_catalog.{routine} FROM {MALLORY}")


def test_parameters_that_the_server_runs(stage: Stage) -> None:
    if stage.version < 15:
        assert stage.find() == []
        return
    stage.run(f"GRANT ALTER SYSTEM ON PARAMETER archive_command TO {MALLORY}")
    stage.admin.execute(f"SET SESSION AUTHORIZATION {MALLORY}".encode())
    stage.run("ALTER SYSTEM SET archive_command = 'id > /tmp/never-run'")
    stage.run("RESET SESSION AUTHORIZATION", "ALTER SYSTEM RESET archive_command")
    (way,) = stage.find()
    assert str(way) == "ALTER SYSTEM on archive_command, which the server runs or loads"


def test_a_set_role_to_a_superuser(stage: Stage) -> None:
    stage.run(f"ALTER ROLE {BOSS} SUPERUSER", f"GRANT {BOSS} TO {MALLORY}")
    stage.run_as(MALLORY, f"SET LOCAL ROLE {BOSS}", f"ALTER ROLE {MALLORY} SUPERUSER")
    assert stage.is_superuser()
    stage.run(f"ALTER ROLE {MALLORY} NOSUPERUSER")
    (way, *_) = stage.find()
    assert (str(way), way.steps) == (f"member of {BOSS}, superuser", (f"SET ROLE {BOSS}",))


def test_an_admin_of_a_member_of_a_superuser(stage: Stage) -> None:
    stage.run("CREATE ROLE wf_between", f"ALTER ROLE {BOSS} SUPERUSER", f"GRANT {BOSS} TO wf_between")
    stage.run(f"GRANT wf_between TO {MALLORY} WITH ADMIN OPTION")
    if stage.version >= 16:
        stage.run(f"GRANT wf_between TO {MALLORY} WITH ADMIN TRUE, INHERIT FALSE, SET FALSE")
    (way, *_) = stage.find()
    stage.run_as(MALLORY, *[part for step in way.steps for part in step.split("; ")], f"ALTER ROLE {MALLORY} SUPERUSER")
    assert stage.is_superuser()
    stage.run("DROP ROLE wf_between")


def test_another_role_that_logs_in(stage: Stage) -> None:
    stage.run(f"ALTER ROLE {BOSS} LOGIN", f"GRANT {BOSS} TO {MALLORY}")
    (way,) = stage.find()
    stage.run_as(MALLORY, *way.steps, "INSERT INTO wf_seen VALUES (current_user)")
    assert stage.read_value("SELECT who FROM wf_seen") == BOSS == way.danger.becomes
    stage.run(f"ALTER ROLE {BOSS} NOLOGIN")
    assert stage.find() == []


def test_createrole_before_16_and_only_then(stage: Stage) -> None:
    stage.run(f"ALTER ROLE {MALLORY} CREATEROLE")
    grant = "GRANT pg_execute_server_program TO CURRENT_USER"
    if stage.version >= 16:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            stage.run_as(MALLORY, grant)
        assert stage.find() == []
        return
    stage.run_as(MALLORY, grant, "COPY wf_seen FROM PROGRAM 'id -un'")
    stage.run(f"REVOKE pg_execute_server_program FROM {MALLORY}")
    assert "CREATEROLE, may grant itself pg_execute_server_program" in list_words(stage.find())[0]


def test_createrole_before_16_takes_over_a_member_of_its_own_by_the_password(stage: Stage) -> None:
    """A GRANT would be circular; of a role with REPLICATION only a superuser may set the password."""
    if stage.version >= 16:
        pytest.skip("CREATEROLE is bounded from 16 on")
    stage.run(
        f"ALTER ROLE {MALLORY} CREATEROLE",
        "CREATE ROLE wf_between",
        f"GRANT {MALLORY} TO wf_between",
        f"GRANT wf_between TO {BOSS}",
        f"GRANT TRUNCATE ON wf_seen TO {BOSS}",
    )
    with pytest.raises(psycopg.errors.InvalidGrantOperation, match="is a member of role"):
        stage.run_as(MALLORY, f"GRANT {BOSS} TO CURRENT_USER")
    question = Question("TRUNCATE", Securable("table", DATABASE, "public", "wf_seen"))
    answer = stage.decide(question)
    assert answer.verdict is Verdict.AFTER_STEP
    assert {path.steps for path in answer.paths} == {(f"ALTER ROLE {BOSS} LOGIN PASSWORD '…', log in as {BOSS}",)}
    stage.run_as(MALLORY, f"ALTER ROLE {BOSS} LOGIN PASSWORD '{PASSWORD}'")
    running = stage.engine.running
    conninfo = f"host={running.host} port={running.port} user={BOSS} password={PASSWORD} dbname={DATABASE}"
    with psycopg.connect(conninfo) as taken:
        taken.execute("TRUNCATE wf_seen")
    assert stage.decide(Question(MEMBER, Securable("role", object=BOSS))).paths[0].source.holder == BOSS
    stage.run(f"ALTER ROLE {BOSS} REPLICATION")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        stage.run_as(MALLORY, f"ALTER ROLE {BOSS} LOGIN PASSWORD '{PASSWORD}'")
    assert stage.decide(question).verdict is Verdict.NO
    stage.run("DROP ROLE wf_between")


def test_the_function_of_an_event_trigger(stage: Stage) -> None:
    make = f"CREATE OR REPLACE FUNCTION den.fires() RETURNS event_trigger {AS_INVOKER}"
    stage.run_as(MALLORY, make.format("NULL;"))
    stage.run("CREATE EVENT TRIGGER wf_fires ON ddl_command_start EXECUTE FUNCTION den.fires()")
    (way,) = stage.find()
    assert str(way).startswith("owner of the function of event trigger wf_fires")
    stage.run_as(MALLORY, make.format(f"ALTER ROLE {MALLORY} SUPERUSER;"))
    stage.run("CREATE TABLE wf_any ()")
    assert stage.is_superuser()
    stage.run(f"DROP EVENT TRIGGER wf_fires; DROP TABLE wf_any; ALTER ROLE {MALLORY} NOSUPERUSER")


def test_the_function_of_a_trigger_on_the_table_of_another(stage: Stage) -> None:
    make = f"CREATE OR REPLACE FUNCTION den.fires() RETURNS trigger {AS_INVOKER}"
    stage.run_as(MALLORY, make.format("RETURN NEW;"))
    stage.run(
        f"CREATE TABLE wf_orders (id int); ALTER TABLE wf_orders OWNER TO {BOSS}",
        "CREATE TRIGGER wf_fires BEFORE INSERT ON wf_orders FOR EACH ROW EXECUTE FUNCTION den.fires()",
    )
    (way,) = stage.find()
    assert way.danger.becomes == BOSS
    stage.run_as(MALLORY, make.format(MARK))
    stage.run_as(BOSS, "INSERT INTO wf_orders VALUES (1)")
    assert stage.read_value("SELECT who FROM wf_seen") == BOSS


def test_a_trigger_of_ones_own_on_the_table_of_another(stage: Stage) -> None:
    stage.run(
        f"CREATE TABLE wf_orders (id int); ALTER TABLE wf_orders OWNER TO {BOSS}",
        f"GRANT TRIGGER ON wf_orders TO {MALLORY}",
    )
    stage.run_as(
        MALLORY,
        f"CREATE FUNCTION den.fires() RETURNS trigger {AS_INVOKER}".format(MARK),
        "CREATE TRIGGER wf_fires BEFORE INSERT ON wf_orders FOR EACH ROW EXECUTE FUNCTION den.fires()",
    )
    stage.run_as(BOSS, "INSERT INTO wf_orders VALUES (1)")
    assert stage.read_value("SELECT who FROM wf_seen") == BOSS
    ways = stage.find()
    assert {way.danger.becomes for way in ways} == {BOSS}
    assert any(str(way).startswith("TRIGGER on table") for way in ways)


def copy_cluster(stage: Stage, username: str, options: str = "") -> None:
    """Log in as a role, and begin a base backup."""
    running = stage.engine.running
    conninfo = f"host={running.host} port={running.port} user={username} password={PASSWORD} replication=true"
    with psycopg.connect(conninfo, options=options, autocommit=True) as walsender:
        fast = "(CHECKPOINT 'fast')" if stage.version >= 15 else "FAST"
        result = walsender.pgconn.exec_(f"BASE_BACKUP {fast}".encode())
        assert result.status == ExecStatus.COPY_OUT, walsender.pgconn.get_error_message()
        walsender.pgconn.finish()


def test_replication_copies_the_cluster(stage: Stage) -> None:
    stage.run(f"ALTER ROLE {MALLORY} REPLICATION")
    copy_cluster(stage, MALLORY)
    (way,) = stage.find()
    assert str(way) == "REPLICATION copies the whole cluster, password hashes too"


def test_who_sets_a_role_with_replication_logs_in_as_none(stage: Stage) -> None:
    """But for one that logs in, from 16 on: it is let set its own password."""
    stage.run(f"ALTER ROLE {BOSS} REPLICATION", f"GRANT {BOSS} TO {MALLORY}")
    for options in ("", f"-c role={BOSS}"):
        with pytest.raises(psycopg.OperationalError, match=r"(?i)replication"):
            copy_cluster(stage, MALLORY, options)
    assert stage.find() == []
    stage.run(f"ALTER ROLE {BOSS} LOGIN")
    ways = [way for way in stage.find() if not way.danger.becomes]
    own_password = f"SET LOCAL ROLE {BOSS}", f"ALTER ROLE {BOSS} PASSWORD '{PASSWORD}'"
    if stage.version < 16:
        assert ways == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            stage.run_as(MALLORY, *own_password)
        return
    (way,) = ways
    assert way.steps == (f"SET ROLE {BOSS}", f"ALTER ROLE {BOSS} PASSWORD '…', log in as {BOSS}, pg_basebackup")
    stage.run_as(MALLORY, *own_password)
    copy_cluster(stage, BOSS)


def test_who_may_let_a_role_with_replication_log_in(stage: Stage) -> None:
    stage.run(f"ALTER ROLE {BOSS} REPLICATION", f"GRANT {BOSS} TO {MALLORY} WITH ADMIN OPTION")
    stage.run(f"ALTER ROLE {MALLORY} CREATEROLE")
    ways = [str(way) for way in stage.find() if "REPLICATION" in str(way)]
    opened = f"ALTER ROLE {BOSS} LOGIN PASSWORD '{PASSWORD}'"
    if stage.version < 16:
        assert ways == []
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            stage.run_as(MALLORY, opened)
        return
    assert [way.partition(":")[0] for way in ways] == [f"CREATEROLE and ADMIN option on {BOSS}"]
    stage.run_as(MALLORY, opened)
    copy_cluster(stage, BOSS)


@pytest.mark.parametrize("login", ["NOLOGIN", "LOGIN"])
def test_who_may_set_the_password_of_a_role_with_replication_by_any_memberships(stage: Stage, login: str) -> None:
    """ADMIN counts through memberships that give nothing else."""
    if stage.version < 16:
        pytest.skip("before 16 only a superuser alters a role with REPLICATION")
    without = "INHERIT FALSE, SET FALSE"
    stage.run(
        f"ALTER ROLE {BOSS} REPLICATION {login}",
        "CREATE ROLE wf_outer; CREATE ROLE wf_between; CREATE ROLE wf_aside",
        f"GRANT {BOSS} TO wf_outer WITH ADMIN TRUE, {without}",
        f"GRANT {BOSS} TO wf_aside WITH {without}",
        f"GRANT wf_outer TO wf_between WITH {without}",
        f"GRANT wf_aside TO {MALLORY} WITH {without}",
    )
    opened = f"ALTER ROLE {BOSS} LOGIN PASSWORD '{PASSWORD}'"
    try:
        for changed in (f"ALTER ROLE {MALLORY} CREATEROLE", f"GRANT wf_between TO {MALLORY} WITH {without}"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                stage.run_as(MALLORY, opened)
            assert stage.find() == []
            stage.run(changed)
        (way,) = stage.find()
        assert str(way).startswith(f"CREATEROLE and, by roles that it is a member of, ADMIN option on {BOSS}: ")
        assert way.steps == (f"{opened.partition(' PASSWORD')[0]} PASSWORD '…', log in as {BOSS}, pg_basebackup",)
        stage.run_as(MALLORY, opened)
        copy_cluster(stage, BOSS)
        stage.run(f"ALTER ROLE {MALLORY} NOCREATEROLE")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            stage.run_as(MALLORY, opened)
        assert stage.find() == []
    finally:
        stage.run("DROP ROLE wf_between; DROP ROLE wf_outer; DROP ROLE wf_aside")
