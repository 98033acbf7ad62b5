"""What is told as a way to more is one: the account takes it, and can then do what it could not."""

from collections.abc import Sequence
from typing import NamedTuple

import pytest

from tests.adapters.mysql.access.population import Login
from tests.adapters.mysql.access.trying import connect, is_allowed, read_population
from tests.engines.mysql import MysqlServer
from whalefall_pipeline.adapters.mysql.access import ACCESS
from whalefall_pipeline.adapters.mysql.names import Flavour
from whalefall_pipeline.core.access.escalate import find_escalations

REFUSED = frozenset({1044, 1045, 1142, 1143, 1227, 1370, 1290})
ME = Login("grabber")
BOSS = Login("boss")
PROOF = "CREATE DATABASE grabbed"


class Grab(NamedTuple):
    """What is granted, what the account does with it, and as whom the proof is then tried."""

    grants: Sequence[str]
    acts: Sequence[str]
    proof_by: Login = ME
    proof: str = PROOF


BOTH = {
    "CREATE USER": Grab(["CREATE USER ON *.*"], ["ALTER USER boss IDENTIFIED BY ''"], BOSS),
    "UPDATE on mysql": Grab(["UPDATE ON mysql.*"], ["ALTER USER boss IDENTIFIED BY ''"], BOSS),
    "UPDATE on the server": Grab(["UPDATE ON *.*"], ["ALTER USER boss IDENTIFIED BY ''"], BOSS),
}
GRABS: dict[Flavour, dict[str, Grab]] = {
    "mysql": BOTH
    | {
        "UPDATE of verifiers": Grab(
            ["UPDATE (authentication_string), SELECT (user) ON mysql.user", "RELOAD ON *.*"],
            ["UPDATE mysql.user SET authentication_string = '' WHERE user = 'boss'", "FLUSH PRIVILEGES"],
            BOSS,
        ),
        "ROLE_ADMIN": Grab(["ROLE_ADMIN ON *.*"], ["GRANT boss TO grabber", "SET ROLE boss", PROOF], ME, "DO 0"),
        "SET_ANY_DEFINER": Grab(
            ["SET_ANY_DEFINER ON *.*", "CREATE ROUTINE, EXECUTE ON shop.*"],
            [f"CREATE DEFINER = boss PROCEDURE shop.p() {PROOF}", "CALL shop.p()"],
            ME,
            "DO 0",
        ),
        "INSERT on mysql": Grab(
            ["INSERT ON mysql.*", "RELOAD ON *.*"],
            ["INSERT INTO mysql.global_grants VALUES ('grabber', '%', 'ROLE_ADMIN', 'N')", "FLUSH PRIVILEGES"],
            ME,
            "GRANT boss TO grabber",
        ),
    },
    "mariadb": BOTH
    | {
        "UPDATE of privileges": Grab(
            ["UPDATE (Priv), SELECT (User) ON mysql.global_priv", "RELOAD ON *.*"],
            [
                """UPDATE mysql.global_priv SET Priv = '{"access": 18446744073709551615}' WHERE User = 'grabber'""",
                "FLUSH PRIVILEGES",
            ],
        ),
        "SET USER": Grab(
            ["SET USER ON *.*", "CREATE ROUTINE, EXECUTE ON shop.*"],
            [f"CREATE DEFINER = boss PROCEDURE shop.p() {PROOF}", "CALL shop.p()"],
            ME,
            "DO 0",
        ),
        "INSERT on mysql": Grab(
            ["INSERT ON mysql.*", "RELOAD ON *.*"],
            [
                "INSERT INTO mysql.global_priv VALUES ('%', 'fresh', '{\"access\": 18446744073709551615}')",
                "FLUSH PRIVILEGES",
            ],
            Login("fresh"),
        ),
        "definers": Grab(
            ["UPDATE (definer), SELECT (name) ON mysql.proc", "CREATE ROUTINE, EXECUTE ON shop.*"],
            [
                f"CREATE PROCEDURE shop.p() {PROOF}",
                "UPDATE mysql.proc SET definer = 'boss@%' WHERE name = 'p'",
            ],
            ME,
            "CALL shop.p()",
        ),
        "bodies": Grab(
            ["UPDATE ON mysql.proc", "SELECT ON mysql.proc", "EXECUTE ON shop.*"],
            [f"UPDATE mysql.proc SET body = '{PROOF}' WHERE name = 'of_boss'", "CALL shop.of_boss()"],
            ME,
            "DO 0",
        ),
        "FILE": Grab(["FILE ON *.*"], ["SELECT LOAD_FILE('/etc/passwd') LIKE '%root%'"], ME, "DO 0"),
    },
}
NAMES = sorted(GRABS["mysql"] | GRABS["mariadb"])


def prepare(server: MysqlServer, grants: Sequence[str]) -> None:
    server.execute("CREATE DATABASE shop", "CREATE USER grabber, boss, bystander", "GRANT ALL ON *.* TO boss")
    server.execute("CREATE DEFINER = boss PROCEDURE shop.of_boss() SELECT 1")
    if server.flavour == "mysql":
        server.execute("REVOKE SYSTEM_USER ON *.* FROM boss")
    server.execute(*(f"GRANT {grant} TO grabber" for grant in grants))


@pytest.mark.parametrize("name", NAMES)
def test_a_way_to_more_leads_there(settable: MysqlServer, name: str) -> None:
    server = settable
    if name not in GRABS[server.flavour]:
        pytest.skip("of the other server")
    grab = GRABS[server.flavour][name]
    prepare(server, grab.grants)
    found = find_escalations(ACCESS, read_population(server))
    assert [way.danger.becomes for way in found.ways if way.username == "grabber@%"] == [""]
    assert "boss@%" in found.superusers
    assert not [way for way in found.ways if way.username == "bystander@%"]
    with connect(server, ME) as cursor:
        assert not is_allowed(cursor, PROOF)
        for act in grab.acts:
            assert is_allowed(cursor, act, REFUSED), act
    with connect(server, grab.proof_by) as cursor:
        assert is_allowed(cursor, grab.proof, REFUSED)


def test_system_user_bounds_what_others_may_take(settable_mysql: MysqlServer) -> None:
    server = settable_mysql
    prepare(server, ["CREATE USER, ROLE_ADMIN, SET_ANY_DEFINER ON *.*", "CREATE ROUTINE ON shop.*"])
    server.execute("GRANT SYSTEM_USER ON *.* TO boss")
    found = find_escalations(ACCESS, read_population(server))
    becomes = {way.danger.becomes for way in found.ways if way.username == "grabber@%"}
    assert becomes == {"any account without SYSTEM_USER"}
    with connect(server, ME) as cursor:
        assert not is_allowed(cursor, "ALTER USER boss IDENTIFIED BY ''", REFUSED)
        assert not is_allowed(cursor, "GRANT boss TO grabber", REFUSED)
        assert not is_allowed(cursor, "CREATE DEFINER = boss PROCEDURE shop.p() SELECT 1", REFUSED)
        assert is_allowed(cursor, "ALTER USER bystander IDENTIFIED BY ''")


@pytest.mark.parametrize("grant", ["SELECT ON *.* TO grabber WITH GRANT OPTION", "PROXY ON boss TO grabber"])
def test_what_leads_nowhere_is_not_told(settable: MysqlServer, grant: str) -> None:
    server = settable
    prepare(server, [])
    server.execute(f"GRANT {grant}")
    found = find_escalations(ACCESS, read_population(server))
    assert not [way for way in found.ways if way.username == "grabber@%"]
    with connect(server, ME) as cursor:
        assert not is_allowed(cursor, "GRANT INSERT ON *.* TO grabber", REFUSED)
        assert not is_allowed(cursor, PROOF)


PROBES = {"SUPER": "SET GLOBAL sort_buffer_size = DEFAULT", "CREATE USER": "CREATE USER probe"}
NEAR = Login("grabber", host="localhost")
ROWS = {
    "of a wider host": (["INSERT ON mysql.* TO grabber"], True),
    "of a wider host, behind": (["INSERT ON mysql.* TO grabber", "SELECT ON mysql.* TO grabber@localhost"], False),
    "of a pattern": (["INSERT ON `mysq_`.* TO grabber@localhost"], True),
    "of a pattern, behind": (
        ["INSERT ON `m%`.* TO grabber@localhost", "SELECT ON mysql.* TO grabber@localhost"],
        False,
    ),
    "of a table": (["INSERT ON mysql.db TO grabber"], True),
}


@pytest.mark.parametrize("rows", ROWS)
def test_the_row_that_counts_is_a_way(settable: MysqlServer, rows: str) -> None:
    server = settable
    grants, works = ROWS[rows]
    if server.flavour == "mysql":
        server.execute("SET GLOBAL partial_revokes = OFF")
    server.execute("CREATE USER grabber, grabber@localhost", *(f"GRANT {grant}" for grant in grants))
    ways = find_escalations(ACCESS, read_population(server)).ways
    assert {way.username for way in ways if way.username == NEAR.username} == ({NEAR.username} if works else set())
    with connect(server, NEAR) as cursor:
        row = "INSERT INTO mysql.db (host, db, user, select_priv) VALUES ('%', 'shop', 'grabber', 'Y')"
        assert is_allowed(cursor, row, REFUSED) is works


@pytest.mark.parametrize("privilege", PROBES)
def test_a_role_of_a_wider_host_is_a_way_to_what_that_one_is(settable: MysqlServer, privilege: str) -> None:
    server = settable
    server.execute(
        "CREATE USER grabber, grabber@localhost", f"GRANT {privilege} ON *.* TO grabber", "CREATE ROLE other"
    )
    server.execute("GRANT other TO grabber")
    ways = find_escalations(ACCESS, read_population(server)).ways
    with connect(server, NEAR) as cursor:
        is_set = is_allowed(cursor, "SET ROLE other", frozenset({1959, 3530}))
        done = is_set and is_allowed(cursor, PROBES[privilege], REFUSED)
    assert done is (server.flavour == "mariadb")
    assert bool([way for way in ways if way.username == NEAR.username]) is done


@pytest.mark.parametrize("privilege", PROBES)
def test_a_default_role_of_a_wider_host_is_left_first(settable: MysqlServer, privilege: str) -> None:
    server = settable
    if server.flavour == "mysql":
        pytest.skip("of MariaDB only")
    server.execute("CREATE USER grabber, grabber@localhost", f"GRANT {privilege} ON *.* TO grabber@localhost")
    server.execute("CREATE ROLE other", "GRANT other TO grabber", "SET DEFAULT ROLE other FOR grabber@localhost")
    found = find_escalations(ACCESS, read_population(server))
    (way,) = [way for way in found.ways if way.username == NEAR.username]
    assert way.danger.step.startswith("SET ROLE NONE")
    assert NEAR.username not in found.superusers
    with connect(server, NEAR) as cursor:
        assert not is_allowed(cursor, PROBES[privilege], REFUSED)
        assert is_allowed(cursor, "SET ROLE NONE")
        assert is_allowed(cursor, PROBES[privilege], REFUSED)


@pytest.mark.parametrize("is_superuser", [False, True])
def test_a_proxy_takes_over_another_account_where_the_plugin_maps(
    settable_mysql: MysqlServer, is_superuser: bool
) -> None:
    server = settable_mysql
    server.execute("CREATE USER boss", "CREATE USER grabber IDENTIFIED BY 'a secret'", "GRANT PROXY ON boss TO grabber")
    if is_superuser:
        server.execute("GRANT ALL ON *.* TO boss")
    ways = find_escalations(ACCESS, read_population(server)).ways
    assert not [way for way in ways if way.username == "grabber@%"]
    with connect(server, ME, password="a secret") as cursor:
        assert not is_allowed(cursor, PROOF)
    server.execute("SET GLOBAL check_proxy_users = ON", "SET GLOBAL caching_sha2_password_proxy_users = ON")
    ways = find_escalations(ACCESS, read_population(server)).ways
    assert {way.danger.becomes for way in ways if way.username == "grabber@%"} == {"" if is_superuser else "boss@%"}
    with connect(server, ME, "boss@%", password="a secret") as cursor:
        assert is_allowed(cursor, PROOF) is is_superuser
