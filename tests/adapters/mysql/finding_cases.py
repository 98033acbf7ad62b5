"""What makes each rule of MySQL and MariaDB find something, and what ends it."""

from tests.engines.judging import Case
from tests.engines.mysql import COLLECTOR
from whalefall_pipeline.core.findings.model import Options

OPTIONS = Options(superusers=frozenset({"chief@localhost"}), superusers_at_most=1)
TABLES = {
    "mysql": ("user", "db", "global_grants", "role_edges", "default_roles"),
    "mariadb": ("global_priv", "db", "roles_mapping"),
}
"""What a collector may still read while `tables_priv`, `columns_priv`, `procs_priv` and `proxies_priv` are denied."""


def on_server(rule: str, privilege: str) -> Case:
    return Case(
        rule=rule,
        make=(f"GRANT {privilege} ON *.* TO ana@localhost",),
        undo=(f"REVOKE {privilege} ON *.* FROM ana@localhost",),
        account="ana@localhost",
    )


def account(rule: str, make: str, undo: str, name: str = "ana@localhost", key: str = "") -> Case:
    return Case(rule=rule, make=(make,) if make else (), undo=(undo,) if undo else (), account=name, object=key)


CASES = (
    account(
        "ALL-01", "GRANT SUPER ON *.* TO boss@localhost", "REVOKE SUPER ON *.* FROM boss@localhost", "boss@localhost"
    ),
    account("ALL-02", "GRANT SUPER ON *.* TO chief@localhost", "REVOKE SUPER ON *.* FROM chief@localhost", ""),
    account(
        "ALL-03",
        "GRANT EVENT ON *.* TO carl@localhost WITH GRANT OPTION",
        "REVOKE ALL PRIVILEGES, GRANT OPTION FROM carl@localhost",
        "carl@localhost",
    ),
    account(
        "ALL-04",
        "GRANT EVENT ON *.* TO gone@localhost WITH GRANT OPTION",
        "REVOKE ALL PRIVILEGES, GRANT OPTION FROM gone@localhost",
        "gone@localhost",
    ),
    account(
        "ALL-05",
        "GRANT SELECT ON wf_app.orders TO ana@localhost WITH GRANT OPTION",
        "REVOKE GRANT OPTION ON wf_app.orders FROM ana@localhost",
        key="wf_app",
    ),
    account("ALL-10", "", ""),
    account("MY-01", "CREATE USER ''@nowhere", "DROP USER ''@nowhere", "@nowhere"),
    account("MY-02", "CREATE USER open@localhost", "DROP USER open@localhost", "open@localhost"),
    account(
        "MY-03", "GRANT SELECT ON wf_app.orders TO web@'%'", "REVOKE SELECT ON wf_app.orders FROM web@'%'", "web@%"
    ),
    account("MY-05", "", "ALTER USER web@'%' REQUIRE SSL", "web@%"),
    account(
        "MY-06",
        "ALTER USER ana@localhost PASSWORD EXPIRE NEVER",
        "ALTER USER ana@localhost PASSWORD EXPIRE INTERVAL 90 DAY",
    ),
    account(
        "MY-07", "ALTER USER bob@localhost PASSWORD EXPIRE", "ALTER USER bob@localhost ACCOUNT LOCK", "bob@localhost"
    ),
    on_server("MY-09", "FILE"),
    on_server("MY-10", "PROCESS"),
    on_server("MY-11", "SHUTDOWN"),
    on_server("MY-12", "CREATE USER"),
    on_server("MY-13", "REPLICATION SLAVE"),
    on_server("MY-14", "SELECT"),
    account("MY-15", "GRANT INSERT ON mysql.* TO ana@localhost", "REVOKE INSERT ON mysql.* FROM ana@localhost"),
    Case(
        rule="MY-16",
        make=("GRANT PROXY ON carl@localhost TO ana@localhost",),
        undo=("REVOKE PROXY ON carl@localhost FROM ana@localhost",),
        account="ana@localhost",
        object="proxy carl@localhost",
        hides=True,
    ),
    account(
        "MY-17",
        "INSERT INTO mysql.db (host, db, user, select_priv) VALUES ('%', 'wf_app', '', 'Y')",
        "DELETE FROM mysql.db WHERE user = ''",
        "(everybody)@%",
    ),
    account("MY-22", "SET GLOBAL local_infile = ON", "SET GLOBAL local_infile = OFF", "", "local_infile"),
    account(
        "MY-23",
        "SET GLOBAL log_bin_trust_function_creators = ON",
        "SET GLOBAL log_bin_trust_function_creators = OFF",
        "",
        "log_bin_trust_function_creators",
    ),
    account("MY-24", "GRANT SELECT ON mysql.db TO ana@localhost", "REVOKE SELECT ON mysql.db FROM ana@localhost"),
)
OF_ONE = {
    "mysql": (
        account(
            "ALL-06",
            "GRANT team TO ana@localhost WITH ADMIN OPTION",
            "REVOKE team FROM ana@localhost",
            key="team@%",
        ),
        account("MY-18", "GRANT ROLE_ADMIN ON *.* TO ana@localhost", "REVOKE ROLE_ADMIN ON *.* FROM ana@localhost"),
        account(
            "MY-19",
            "GRANT SYSTEM_VARIABLES_ADMIN ON *.* TO ana@localhost",
            "REVOKE SYSTEM_VARIABLES_ADMIN ON *.* FROM ana@localhost",
        ),
        account(
            "MY-21",
            "ALTER USER carl@localhost IDENTIFIED BY 'another-secret' RETAIN CURRENT PASSWORD",
            "ALTER USER carl@localhost DISCARD OLD PASSWORD",
            "carl@localhost",
        ),
        account(
            "MY-04",
            "CREATE USER old@localhost IDENTIFIED WITH sha256_password BY 'old-secret'",
            "DROP USER old@localhost",
            "old@localhost",
        ),
    ),
    "mariadb": (
        account(
            "ALL-06",
            "GRANT team TO ana@localhost WITH ADMIN OPTION",
            "REVOKE team FROM ana@localhost",
            key="team",
        ),
        account(
            "ALL-08",
            "INSERT INTO mysql.tables_priv (host, db, user, table_name, table_priv) "
            "VALUES ('%', 'wf_app', 'dropped', 'orders', 'Select')",
            "DELETE FROM mysql.tables_priv WHERE user = 'dropped'",
            "dropped@%",
        ),
        account(
            "MY-04",
            "CREATE USER old@localhost IDENTIFIED VIA mysql_native_password USING PASSWORD('old-secret')",
            "DROP USER old@localhost",
            "old@localhost",
        ),
        account("MY-18", "GRANT SET USER ON *.* TO ana@localhost", "REVOKE SET USER ON *.* FROM ana@localhost"),
        account(
            "MY-19",
            "GRANT CONNECTION ADMIN ON *.* TO ana@localhost",
            "REVOKE CONNECTION ADMIN ON *.* FROM ana@localhost",
        ),
        account(
            "MY-20",
            "GRANT DROP ON `wf_a%`.* TO ana@localhost",
            "REVOKE DROP ON `wf_a%`.* FROM ana@localhost",
            key="database wf_a%",
        ),
    ),
}
ELSEWHERE = {
    "mysql": {
        "ALL-07": "everybody can't be a member of a role here",
        "ALL-08": "see MariaDB's cases: MySQL refuses such rows by a foreign key of the server's own",
        "ALL-09": "see test_everybody_is_an_administrator",
        "ALL-11": "see test_an_account_could_take_over_others",
        "MY-08": "see test_a_password_grows_old",
        "MY-20": "with partial_revokes, which the tests' server has, names are no patterns",
    },
    "mariadb": {
        "ALL-07": "see test_everybody_is_an_administrator",
        "ALL-09": "see test_everybody_is_an_administrator",
        "ALL-11": "only a plugin that maps could: this server has none; CREATE USER makes a superuser there",
        "MY-08": "see test_a_password_grows_old",
        "MY-21": "MariaDB has no second password",
    },
}
NAMES = ("boss", "chief", "carl", "gone", "ana", "bob")
LOCAL = f"root@localhost, {COLLECTOR}@localhost"
PEOPLE = (
    *(f"CREATE USER {name}@localhost IDENTIFIED BY 'a-secret' PASSWORD EXPIRE INTERVAL 90 DAY" for name in NAMES),
    "CREATE USER web@'%' IDENTIFIED BY 'a-secret' PASSWORD EXPIRE INTERVAL 90 DAY",
    "CREATE ROLE team",
    "ALTER USER gone@localhost ACCOUNT LOCK",
    f"ALTER USER {LOCAL} PASSWORD EXPIRE INTERVAL 90 DAY",
)
STILL = {"MY-24": (f"{COLLECTOR}@localhost", "")}
"""Findings that stay on a server that was mended: a collector reads the grant tables."""
