"""Logs in as an account and tries: what the server then does is the truth that verdicts are held against."""

import ssl
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress

import pymysql
from pymysql.connections import Connection
from pymysql.cursors import Cursor

from tests.adapters.mysql.access.population import DATABASES, LOCAL, Login
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.engine import Limits
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.model import Population, Question, Verdict
from whalefall_pipeline.core.model import MEMBER, Securable
from whalefall_pipeline.core.model import Login as Credentials
from whalefall_pipeline.core.states import build_states, build_unseen

DENIED = frozenset({1044, 1045, 1142, 1143, 1227, 1370})
NOT_GRANTED = frozenset({1959, 3530})


def _list_tries() -> dict[Question, str]:
    tries: dict[Question, str] = {}
    for database in DATABASES:
        table = Securable("table", database, "", "t")
        tries |= {
            Question("SELECT", table): f"SELECT * FROM {database}.t",
            Question("INSERT", table): f"INSERT INTO {database}.t VALUES (1, 1)",
            Question("UPDATE", table): f"UPDATE {database}.t SET id = 1, v = 1",
            Question("DELETE", table): f"DELETE FROM {database}.t",
            Question("SELECT", table._replace(scope="column", column="id")): f"SELECT id FROM {database}.t",
            Question(
                "INSERT", table._replace(scope="column", column="ID")
            ): f"INSERT INTO {database}.t (id) VALUES (1)",
            Question("UPDATE", table._replace(scope="column", column="v")): f"UPDATE {database}.t SET v = 1",
            Question("EXECUTE", Securable("procedure", database, "", "p")): f"CALL {database}.p()",
            Question("EXECUTE", Securable("function", database, "", "f")): f"SELECT {database}.f()",
            Question("CREATE", Securable("database", database)): f"CREATE TABLE IF NOT EXISTS {database}.made (id INT)",
        }
    return tries | {
        Question("PROCESS", Securable("server")): "SHOW ENGINE INNODB STATUS",
        Question("RELOAD", Securable("server")): "FLUSH PRIVILEGES",
        Question("SELECT", Securable("table", "information_schema", "", "TABLES")): (
            "SELECT table_name FROM information_schema.tables LIMIT 1"
        ),
    }


TRIES: Mapping[Question, str] = _list_tries()
"""Questions, and the statement that needs that privilege and no other."""


def try_all(
    server: MysqlServer, login: Login, roles: Mapping[str, str], username: str | None = None
) -> dict[Question, Verdict]:
    """Log in and try all: as the login begins, then with each role alone and without any.

    `roles` are statements that set a role; `username` is whom the server takes the login for, if not for itself.
    """
    with connect(server, login, username) as cursor:
        verdicts = {
            question: Verdict.YES if is_allowed(cursor, statement) else Verdict.NO
            for question, statement in TRIES.items()
        }
        for statement in ("SET ROLE NONE", *roles.values()):
            if not is_allowed(cursor, statement, NOT_GRANTED):
                continue
            for question in TRIES:
                if verdicts[question] is Verdict.NO and is_allowed(cursor, TRIES[question]):
                    verdicts[question] = Verdict.AFTER_STEP
    if login == login._replace(host="%", comes_from=""):
        _try_nearby(server, login, verdicts)
    return verdicts


def _try_nearby(server: MysqlServer, login: Login, verdicts: dict[Question, Verdict]) -> None:
    """Log in from where the server is, where that is the same account, and try what was refused elsewhere."""
    with suppress(AssertionError), connect(server, login._replace(comes_from=LOCAL)) as cursor:
        for question, statement in TRIES.items():
            if verdicts[question] is Verdict.NO and is_allowed(cursor, statement):
                verdicts[question] = Verdict.AFTER_STEP


@contextmanager
def connect(server: MysqlServer, login: Login, username: str | None = None, password: str = "") -> Generator[Cursor]:
    """Log in as an account from its address; it must be the one that the server takes it for."""
    connection: Connection[Cursor] = pymysql.connect(
        host=server.instance.host,
        port=server.instance.port,
        user=login.user,
        password=password,
        bind_address=login.address,
        autocommit=True,
        ssl=_trust_anybody() if password else None,
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user()")
            assert cursor.fetchone() == (username or login.username,)
            yield cursor
    finally:
        connection.close()


def _trust_anybody() -> ssl.SSLContext:
    """Return what encrypts, as MySQL wants it to be where it is given a password, to a server without a known name."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def is_allowed(cursor: Cursor, statement: str, refusals: frozenset[int] = DENIED) -> bool:
    """Try a statement; anything but a refusal is an error of the test."""
    try:
        cursor.execute(statement)
    except pymysql.err.MySQLError as error:
        if error.args[0] in refusals:
            return False
        raise
    cursor.fetchall()
    return True


def read_population(server: MysqlServer, login: Credentials | None = None) -> Population:
    """Read a server as its collector, or as another login."""
    with server.adapter.open(server.instance, login or server.login, Limits(), Deadline(60)) as session:
        accounts, reading = session.read_accounts(), session.read_grants()
        states, _ = build_states(accounts, reading.held)
        unseen = {item.scope: item for item in build_unseen(reading.coverage, {}, {})}
        return Population(states, unseen=unseen, attributes=reading.attributes or {}, version=session.version)


def decide_all(decider: Decider, username: str) -> dict[Question, Verdict]:
    """Return the verdicts on all that is tried."""
    return {question: decider.decide(username, question).verdict for question in TRIES}


def list_set_role(population: Population) -> dict[str, str]:
    """Return the statement that sets each role that anybody is a member of."""
    names = {
        item.securable.object
        for state in population.accounts.values()
        for item in state.held
        if item.privilege == MEMBER
    }
    return {name: f"SET ROLE {name.removesuffix('@%')}" for name in sorted(names)}
