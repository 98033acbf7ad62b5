"""Whether an account is let in, and as whom; and what steps lead into other accounts."""

import pymysql
import pytest

from tests.adapters.mysql.access.population import ELSEWHERE, FAR, LOCAL, Login
from tests.adapters.mysql.access.trying import connect, is_allowed, read_population
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.mysql.access import ACCESS
from whalefall_pipeline.adapters.mysql.access_rows import to_login_order
from whalefall_pipeline.core.access.decide import Decider
from whalefall_pipeline.core.access.model import GateState, Question, Verdict
from whalefall_pipeline.core.model import Securable

READ = Question("SELECT", Securable("table", "shop", "", "t"))
TRY = "SELECT * FROM shop.t"
MAKE = ("CREATE DATABASE shop", "CREATE TABLE shop.t (id INT)")
EXPIRED = frozenset({1820, 1862})
LOCKED = frozenset({3118, 4151, 1226})


def is_let_in(server: MysqlServer, login: Login) -> bool:
    """Whether a login gets as far as to read what it may, as itself."""
    try:
        with connect(server, login) as cursor:
            return is_allowed(cursor, TRY, EXPIRED)
    except AssertionError:
        return False
    except pymysql.err.MySQLError as error:
        if error.args[0] in EXPIRED | LOCKED:
            return False
        raise


def test_the_login_gate_is_what_happens(settable: MysqlServer) -> None:
    server = settable
    logins = {
        "open": Login("open"),
        "locked": Login("locked"),
        "expired": Login("expired"),
        "hidden": Login("hidden", host="127.0.0.%"),
        "hiding": Login("hidden", host="127.0.0.0/255.255.255.0"),
        "nearer": Login("nearer", host="127.0.0.%"),
        "farther": Login("nearer", host="%", comes_from=FAR),
        "barred": Login("barred"),
    }
    server.execute(*MAKE)
    for login in logins.values():
        name = f"'{login.user}'@'{login.host}'"
        server.execute(f"CREATE USER {name}", f"GRANT SELECT ON shop.* TO {name}")
    server.execute("ALTER USER locked@'%' ACCOUNT LOCK", "ALTER USER expired@'%' PASSWORD EXPIRE")
    if server.flavour == "mariadb":
        server.execute("ALTER USER barred WITH MAX_USER_CONNECTIONS -1")
    decider = Decider(ACCESS, read_population(server))
    found: dict[str, bool] = {}
    for key, login in logins.items():
        answer = decider.decide(login.username, READ)
        (gate,) = [gate for gate in answer.gates if gate.name == "login"]
        assert answer.verdict is Verdict.YES
        found[key] = gate.state is GateState.OPEN
    assert found == {key: is_let_in(server, login) for key, login in logins.items()}
    assert not found["hidden"]
    assert found["barred"] is (server.flavour == "mysql")


def test_an_anonymous_account_of_a_nearer_host_is_told(settable: MysqlServer) -> None:
    server = settable
    server.execute(*MAKE, "CREATE USER ''@localhost, ann@'%'", "GRANT SELECT ON shop.* TO ann@'%'")
    answer = Decider(ACCESS, read_population(server)).decide("ann@%", READ)
    (gate,) = answer.gates
    assert (gate.state, gate.reason) == (GateState.OPEN, "from localhost it is @localhost")
    assert is_let_in(server, Login("ann", comes_from=ELSEWHERE))
    assert not is_let_in(server, Login("ann", comes_from=LOCAL))


def test_a_view_and_a_routine_say_as_whom_they_run(settable: MysqlServer) -> None:
    server = settable
    server.execute(*MAKE, "CREATE USER owner, ann", "GRANT SELECT ON shop.t TO owner")
    server.execute("CREATE DEFINER = owner VIEW shop.v AS SELECT id FROM shop.t", "GRANT SELECT ON shop.v TO ann")
    decider = Decider(ACCESS, read_population(server))
    answer = decider.decide("ann@%", Question("SELECT", Securable("table", "shop", "", "v")))
    assert [gate.name for gate in answer.gates] == ["login", "definer"]
    assert answer.gates[1].reason.startswith("it runs as owner@%")
    assert decider.decide("ann@%", READ).verdict is Verdict.NO
    with connect(server, Login("ann")) as cursor:
        assert is_allowed(cursor, "SELECT * FROM shop.v")
        assert not is_allowed(cursor, TRY)


def test_a_proxy_is_a_step_where_the_plugin_maps(settable_mysql: MysqlServer) -> None:
    server = settable_mysql
    server.execute(*MAKE, "CREATE USER target, proxy IDENTIFIED BY 'a secret'", "GRANT SELECT ON shop.* TO target")
    server.execute("GRANT PROXY ON target TO proxy")
    before = Decider(ACCESS, read_population(server)).decide("proxy@%", READ)
    with connect(server, Login("proxy"), password="a secret") as cursor:
        assert not is_allowed(cursor, TRY)
    assert before.verdict is Verdict.NO
    server.execute("SET GLOBAL check_proxy_users = ON", "SET GLOBAL caching_sha2_password_proxy_users = ON")
    after = Decider(ACCESS, read_population(server)).decide("proxy@%", READ)
    with connect(server, Login("proxy"), "target@%", password="a secret") as cursor:
        assert is_allowed(cursor, TRY)
    assert after.verdict is Verdict.AFTER_STEP
    assert str(after.paths[0]) == "PROXY on target@%, SELECT on database shop"


def test_a_default_role_may_be_that_of_a_wider_host(settable: MysqlServer) -> None:
    server = settable
    if server.flavour == "mysql":
        pytest.skip("of MariaDB only")
    server.execute(*MAKE, "CREATE ROLE readers, inner_readers", "GRANT inner_readers TO readers")
    server.execute("GRANT SELECT ON shop.* TO inner_readers", "CREATE USER ann, ann@localhost, ann@'127.0.0.2'")
    server.execute("GRANT readers TO ann", "SET DEFAULT ROLE readers FOR ann@localhost")
    population = read_population(server)
    verdicts: list[Verdict] = []
    for login in (Login("ann", host="localhost"), Login("ann", host=ELSEWHERE), Login("ann", comes_from=FAR)):
        answer = Decider(ACCESS, population).decide(login.username, READ)
        verdicts.append(answer.verdict)
        with connect(server, login) as cursor:
            assert is_allowed(cursor, TRY) is (answer.verdict is Verdict.YES)
            assert is_allowed(cursor, "SET ROLE readers")
            assert is_allowed(cursor, TRY)
    assert verdicts == [Verdict.YES, Verdict.AFTER_STEP, Verdict.AFTER_STEP]
    server.execute("REVOKE readers FROM ann")
    assert Decider(ACCESS, read_population(server)).decide("ann@localhost", READ).verdict is Verdict.NO
    with connect(server, Login("ann", host="localhost")) as cursor:
        assert not is_allowed(cursor, TRY)


@pytest.mark.parametrize("is_default", [False, True])
def test_a_role_of_a_wider_host_brings_what_that_one_has_on_the_server(
    settable: MysqlServer, *, is_default: bool
) -> None:
    server = settable
    if server.flavour == "mysql":
        pytest.skip("of MariaDB only")
    server.execute(*MAKE, "CREATE ROLE other", "GRANT DELETE ON *.* TO other", "CREATE USER ann, ann@localhost")
    server.execute("GRANT SELECT ON *.* TO ann@localhost", "GRANT INSERT ON *.* TO ann", "GRANT other TO ann")
    if is_default:
        server.execute("SET DEFAULT ROLE other FOR ann@localhost")
    decider = Decider(ACCESS, read_population(server))
    login = Login("ann", host="localhost")
    tries = {"SELECT": TRY, "INSERT": "INSERT INTO shop.t VALUES (1)", "DELETE": "DELETE FROM shop.t"}
    for privilege, statement in tries.items():
        with connect(server, login) as cursor:
            now = is_allowed(cursor, statement)
            later = [
                is_allowed(cursor, f"SET ROLE {role}") and is_allowed(cursor, statement) for role in ("other", "NONE")
            ]
        verdict = decider.decide(login.username, Question(privilege, READ.securable)).verdict
        assert verdict is (Verdict.YES if now else Verdict.AFTER_STEP if any(later) else Verdict.NO), privilege
        assert now is ((privilege != "SELECT") is is_default)
        assert any(later)


@pytest.mark.parametrize("privilege", ["ROLE_ADMIN", "SUPER"])
@pytest.mark.parametrize("protected", [False, True])
def test_role_admin_takes_roles_but_those_with_system_user(
    settable_mysql: MysqlServer, privilege: str, *, protected: bool
) -> None:
    server = settable_mysql
    server.execute(*MAKE, "CREATE ROLE readers", "GRANT SELECT ON shop.* TO readers", "CREATE USER admin")
    server.execute(
        f"GRANT {privilege} ON *.* TO admin", *(["GRANT SYSTEM_USER ON *.* TO readers"] if protected else [])
    )
    answer = Decider(ACCESS, read_population(server)).decide("admin@%", READ)
    with connect(server, Login("admin")) as cursor:
        done = is_allowed(cursor, "GRANT readers TO admin") and is_allowed(cursor, "SET ROLE readers")
        assert (done and is_allowed(cursor, TRY)) is not protected
    assert answer.verdict is (Verdict.NO if protected else Verdict.AFTER_STEP)


def test_the_most_specific_host_goes_first(settable: MysqlServer) -> None:
    server = settable
    hosts = ["%", "127.%", "127.0.0.%", "1%.2", "127.0.0._", ELSEWHERE, f"{ELSEWHERE}/255.255.255.255"]
    hosts += [f"127.0.0.0/255.{rest}" for rest in ("0.0.0", "255.255.0", "255.0.0")]
    hosts += ["127.0.0.0/8", "127.0.0.0/24"] if server.flavour == "mysql" else []
    server.execute(*(f"CREATE USER nearest@'{host}'" for host in hosts))
    order: list[str] = []
    for _ in hosts:
        order.append(find_taken_for(server))
        server.execute(f"DROP USER nearest@'{order[-1]}'")
    assert order == sorted(hosts, key=lambda host: to_login_order(host, server.flavour))


def test_a_mask_in_bits_lets_nobody_in_on_mariadb(settable: MysqlServer) -> None:
    server = settable
    if server.flavour == "mysql":
        pytest.skip("of MariaDB only")
    server.execute(*MAKE, "CREATE USER nearest@'127.0.0.%', nearest@'127.0.0.0/8'")
    server.execute("GRANT SELECT ON shop.* TO nearest@'127.0.0.0/8'")
    login = Login("nearest", host="127.0.0.%")
    assert Decider(ACCESS, read_population(server)).decide(login.username, READ).verdict is Verdict.NO
    with connect(server, login) as cursor:
        assert not is_allowed(cursor, TRY)
    server.execute("DROP USER nearest@'127.0.0.%'")
    with pytest.raises(pymysql.err.OperationalError, match="is not allowed to connect"):
        find_taken_for(server)


def find_taken_for(server: MysqlServer) -> str:
    """Return the host part of the account that a login from elsewhere is taken for."""
    connection = pymysql.connect(
        host=server.instance.host, port=server.instance.port, user="nearest", bind_address=ELSEWHERE
    )
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_user()")
        (username,) = cursor.fetchall()[0]
        return str(username).removeprefix("nearest@")
