"""Every rule of PostgreSQL's, and those of all engines, found on a real server and clear on one."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from tests.engines.judging import Case, Judged, judge, run_all
from tests.engines.postgresql import start
from tests.engines.postgresql_cases import DATABASE
from tests.servers.unprivileged import hand_over
from whalefall_pipeline.adapters.postgresql.findings import RULES
from whalefall_pipeline.adapters.remedies import build_remedy
from whalefall_pipeline.core.findings.everywhere import RULES as EVERYWHERE
from whalefall_pipeline.core.findings.model import Mend, Options, Outcome

OPTIONS = Options(superusers=frozenset({"chief"}), superusers_at_most=1)
ON = ("ALTER SYSTEM SET {} = {};", "SELECT pg_reload_conf();")
OFF = ("ALTER SYSTEM RESET {};", "SELECT pg_reload_conf();")
PROGRAMS = "pg_execute_server_program"


def setting(rule: str, name: str, value: str) -> Case:
    on, off = ((line.format(name, value) for line in lines) for lines in (ON, OFF))
    return Case(rule=rule, make=tuple(on), undo=tuple(off), object=name)


def there(rule: str, make: str, undo: str, account: str = "public", name: str = DATABASE) -> Case:
    return Case(rule=rule, make=(make,), undo=(undo,), account=account, object=name, database=DATABASE, hides=True)


CASES = (
    Case(rule="ALL-01", make=("ALTER ROLE boss SUPERUSER;",), undo=("ALTER ROLE boss NOSUPERUSER;",), account="boss"),
    Case(rule="ALL-02", make=("ALTER ROLE chief SUPERUSER;",), undo=("ALTER ROLE chief NOSUPERUSER;",)),
    Case(rule="ALL-03", make=("ALTER ROLE ana CREATEROLE;",), undo=("ALTER ROLE ana NOCREATEROLE;",), account="ana"),
    Case(
        rule="ALL-04",
        make=("ALTER ROLE gone CREATEROLE VALID UNTIL '2020-01-01';",),
        undo=("ALTER ROLE gone NOCREATEROLE;",),
        account="gone",
    ),
    there(
        *("ALL-05", "GRANT SELECT ON app.orders TO ana WITH GRANT OPTION;"),
        *("REVOKE GRANT OPTION FOR SELECT ON app.orders FROM ana;", "ana"),
    ),
    Case(
        rule="ALL-06",
        make=("GRANT team TO ana WITH ADMIN OPTION;",),
        undo=("REVOKE ADMIN OPTION FOR team FROM ana;",),
        account="ana",
        object="team",
    ),
    Case(
        rule="ALL-10",
        make=("GRANT pg_write_server_files TO carl;",),
        undo=("REVOKE pg_write_server_files FROM carl;",),
        account="carl",
    ),
    Case(rule="ALL-11", make=("GRANT eve TO dora;",), undo=("REVOKE eve FROM dora;",), account="dora"),
    Case(rule="PG-01", make=("ALTER ROLE ana BYPASSRLS;",), undo=("ALTER ROLE ana NOBYPASSRLS;",), account="ana"),
    Case(rule="PG-02", make=("ALTER ROLE ana REPLICATION;",), undo=("ALTER ROLE ana NOREPLICATION;",), account="ana"),
    Case(rule="PG-03", make=("ALTER ROLE ana CREATEDB;",), undo=("ALTER ROLE ana NOCREATEDB;",), account="ana"),
    Case(
        rule="PG-04",
        make=("ALTER ROLE ana VALID UNTIL 'infinity';",),
        undo=("ALTER ROLE ana VALID UNTIL '2999-01-01';",),
        account="ana",
    ),
    Case(rule="PG-05", undo=("ALTER ROLE gone NOLOGIN;",), account="gone"),
    Case(
        rule="PG-06",
        make=(f"GRANT {PROGRAMS} TO team;", "GRANT team TO bob;"),
        undo=(f"REVOKE {PROGRAMS} FROM team;",),
        account="bob",
        object=PROGRAMS,
    ),
    *(
        Case(rule=rule, make=(f"GRANT {role} TO ana;",), undo=(f"REVOKE {role} FROM ana;",), account="ana", object=role)
        for rule, role in (
            ("PG-07", "pg_write_server_files"),
            ("PG-08", "pg_read_server_files"),
            ("PG-09", "pg_read_all_data"),
        )
    ),
    there(
        *("PG-10", "GRANT CREATE ON SCHEMA app TO PUBLIC;", "REVOKE CREATE ON SCHEMA app FROM PUBLIC;", "public"),
        f"schema {DATABASE}.app",
    ),
    there("PG-11", "GRANT SELECT (id) ON app.orders TO PUBLIC;", "REVOKE SELECT (id) ON app.orders FROM PUBLIC;"),
    Case(
        rule="PG-12",
        make=(f"GRANT CREATE ON DATABASE {DATABASE} TO PUBLIC;",),
        undo=(f"REVOKE CREATE ON DATABASE {DATABASE} FROM PUBLIC;",),
        account="public",
        object=DATABASE,
    ),
    there(
        "PG-13",
        "GRANT USAGE ON FOREIGN DATA WRAPPER wf_wrapper TO ana;",
        "REVOKE USAGE ON FOREIGN DATA WRAPPER wf_wrapper FROM ana;",
        "ana",
        f"foreign_data_wrapper {DATABASE}.wf_wrapper",
    ),
    there(
        "PG-14",
        "GRANT USAGE ON FOREIGN SERVER wf_server TO PUBLIC;",
        "REVOKE USAGE ON FOREIGN SERVER wf_server FROM PUBLIC;",
        "public",
        f"foreign_server {DATABASE}.wf_server",
    ),
    there(
        "PG-15",
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC;",
        "ALTER DEFAULT PRIVILEGES REVOKE SELECT ON TABLES FROM PUBLIC;",
    ),
    there("PG-16", "ALTER TABLE app.items OWNER TO ana;", "ALTER TABLE app.items OWNER TO postgres;", "ana"),
    there(
        "PG-17",
        "ALTER PROCEDURE app.tidy SECURITY DEFINER;",
        "REVOKE EXECUTE ON PROCEDURE app.tidy FROM PUBLIC;",
        "postgres",
        f"routine {DATABASE}.app.tidy(integer)",
    ),
    setting("PG-18", "password_encryption", "md5"),
    setting("PG-20", "allow_system_table_mods", "on"),
    setting("PG-21", "lo_compat_privileges", "on"),
    Case(
        rule="PG-22",
        make=("GRANT ALTER SYSTEM ON PARAMETER log_statement TO ana;",),
        undo=("REVOKE ALTER SYSTEM ON PARAMETER log_statement FROM ana;",),
        account="ana",
        object="parameter log_statement",
    ),
    there(
        "PG-23",
        "CREATE USER MAPPING FOR PUBLIC SERVER wf_server;",
        "DROP USER MAPPING FOR PUBLIC SERVER wf_server;",
        "public",
        f"user_mapping {DATABASE}.wf_server",
    ),
    Case(
        rule="PG-24",
        make=("ALTER ROLE ana SET session_replication_role = 'replica';",),
        undo=("ALTER ROLE ana RESET session_replication_role;",),
        account="ana",
    ),
)
PEOPLE = (
    "CREATE ROLE boss LOGIN VALID UNTIL '2999-01-01';",
    "CREATE ROLE chief LOGIN VALID UNTIL '2999-01-01';",
    "CREATE ROLE ana LOGIN VALID UNTIL '2999-01-01';",
    "CREATE ROLE bob LOGIN VALID UNTIL '2999-01-01';",
    *(f"CREATE ROLE {name} LOGIN VALID UNTIL '2999-01-01';" for name in ("carl", "dora", "eve")),
    "CREATE ROLE gone LOGIN;",
    "CREATE ROLE team;",
    "ALTER ROLE wf_collector VALID UNTIL '2999-01-01';",
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC;",
)
ELSEWHERE = {
    "ALL-07": "PUBLIC can't be a member of a role here",
    "ALL-08": "the catalog names no grantee that is gone",
    "ALL-09": "PUBLIC can't be an administrator here",
    "PG-19": "see test_a_server_with_tls",
}
"""Rules that have no case here, and why."""


class Worlds(NamedTuple):
    """What the rules said of one server: with all that is wrong, with its database closed, and mended."""

    wrong: Judged
    closed: Judged
    mended: Judged
    version: int


@pytest.fixture(scope="module", params=[14, 18])
def worlds(request: pytest.FixtureRequest) -> Generator[Worlds]:
    with start(request.param) as server:
        server.reset()
        server.prepare()
        cases = [case for case in CASES if not lacks(case, server.version)]
        server.execute(*PEOPLE)
        run_all(server, cases)
        wrong = judge(server, options=OPTIONS)
        server.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false;", database="postgres")
        closed = judge(server, options=OPTIONS)
        server.execute(f"ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS true;", database="postgres")
        run_all(server, cases, undo=True)
        for database in ("postgres", "template1"):
            server.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC;", database=database)
        mended = judge(server, options=OPTIONS)
        try:
            yield Worlds(wrong, closed, mended, server.version)
        finally:
            for database in ("postgres", "template1") if server.version == 14 else ():
                server.execute("GRANT CREATE ON SCHEMA public TO PUBLIC;", database=database)


def lacks(case: Case, version: int) -> bool:
    """Whether a version has no such thing: parameters have privileges from 15 on."""
    return case.rule == "PG-22" and version < 15


def test_every_rule_has_a_case() -> None:
    assert {rule.id for rule in (*EVERYWHERE, *RULES)} == {case.rule for case in CASES} | ELSEWHERE.keys()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_it_is_found(worlds: Worlds, case: Case) -> None:
    if lacks(case, worlds.version):
        assert worlds.wrong.outcome(case.rule) is Outcome.CLEAR
        return
    assert worlds.wrong.find(case), worlds.wrong.list_found(case.rule)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_it_is_clear_when_it_was_mended(worlds: Worlds, case: Case) -> None:
    assert worlds.mended.outcome(case.rule) is Outcome.CLEAR, worlds.mended.list_found(case.rule)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.rule)
def test_a_closed_database_makes_it_unknown_and_never_clear(worlds: Worlds, case: Case) -> None:
    """What is wrong is there still, and can't be seen: a rule that called that clear would be wrong."""
    if lacks(case, worlds.version):
        return
    if case.hides:
        assert not worlds.closed.find(case)
        assert worlds.closed.is_unknown(case.rule)
    assert worlds.closed.outcome(case.rule) is not Outcome.CLEAR


def test_nothing_else_is_found_on_a_server_that_was_mended(worlds: Worlds) -> None:
    assert {rule: worlds.mended.list_found(rule) for rule in worlds.mended.rules if rule != "PG-19"} == {
        rule: [] for rule in worlds.mended.rules if rule != "PG-19"
    }


def test_a_server_without_tls(worlds: Worlds) -> None:
    assert worlds.wrong.list_found("PG-19") == [("", "ssl")]


def test_a_server_with_tls() -> None:
    """On 14: the builds of later versions that tests have know no TLS."""
    with start(14) as server:
        server.reset()
        server.prepare()
        write_certificate(server.running.folder)
        turn = ("ALTER SYSTEM SET ssl = on;", "SELECT pg_reload_conf();")
        try:
            server.execute(*turn)
            assert judge(server).outcome("PG-19") is Outcome.CLEAR
        finally:
            server.execute(*(line.format("ssl") for line in OFF))


def write_certificate(folder: Path) -> None:
    """Write a certificate, signed by itself, where the server looks for its own."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    begin = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    certificate = made.not_valid_before(begin).not_valid_after(begin + timedelta(1)).sign(key, SHA256())
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = serialization.Encoding.PEM
    contents = {"server.crt": certificate.public_bytes(pem), "server.key": key.private_bytes(pem, *plain)}
    for file, content in contents.items():
        (folder / file).write_bytes(content)
        (folder / file).chmod(0o600)
        hand_over(folder / file)


def test_the_sql_of_the_script_builder_ends_what_it_is_for() -> None:
    with start(18) as server:
        server.reset()
        server.prepare()
        server.execute(*PEOPLE)
        run_all(server, CASES)
        try:
            wrong = judge(server, options=OPTIONS)
            mended = [rule for rule in wrong.rules.values() if rule.mend is not Mend.NONE]
            found = [
                item for item in wrong.evaluation.findings.values() if item.rule_id in {rule.id for rule in mended}
            ]
            assert len({item.rule_id for item in found}) >= 12
            for key in [item.key for item in found]:
                now = judge(server, options=OPTIONS)
                if item := now.evaluation.findings.get(key):  # the statements for another one may have ended it
                    rule, state = now.rules[key.rule_id], now.states[key.account]
                    server.execute(*build_remedy(server.adapter, rule, item, state))
            after = judge(server, options=OPTIONS)
            assert {rule.id: after.list_found(rule.id) for rule in mended} == {rule.id: [] for rule in mended}
        finally:
            run_all(
                server, [case for case in CASES if case.make[:1] and case.make[0].startswith("ALTER SYSTEM")], undo=True
            )
