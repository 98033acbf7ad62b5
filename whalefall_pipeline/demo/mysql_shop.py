"""Sets the shop's web front up on MariaDB or MySQL, where the machine has a server program."""

import secrets
from pathlib import Path

import pymysql

from whalefall_pipeline.demo.mysql_server import RunningServer
from whalefall_pipeline.sql import load_sql

COLLECTOR = "whalefall_collector"
OLD_ACCOUNTS = ("'web_app'@'%'", "'reports'@'10.%'", "'dba'@'localhost'", f"'{COLLECTOR}'@'127.0.0.1'")


def prepare_web_shop(server: RunningServer) -> str:
    """Set the web shop up, and return the collector's password."""
    password = secrets.token_urlsafe(18)
    common = load_sql("whalefall_pipeline.demo", "shop_mysql.sql")["common"]
    with pymysql.connect(host=server.host, port=server.port, user=server.user, password=server.password) as connection:
        cursor = connection.cursor()
        cursor.execute("drop database if exists webshop")
        for account in OLD_ACCOUNTS:
            cursor.execute(f"drop user if exists {account}")
        cursor.execute("drop role if exists web_readers")
        for statement in common.split(";\n"):
            cursor.execute(statement.format(password=secrets.token_urlsafe(18)))
        cursor.execute(f"create user '{COLLECTOR}'@'127.0.0.1' identified by '{password}'")
        cursor.execute(f"grant select on mysql.* to '{COLLECTOR}'@'127.0.0.1'")
        connection.commit()
    return password


def find_folder(home: Path) -> Path:
    """Return the folder of the demo's MariaDB or MySQL server in the demo's home."""
    return home / "webshop"


def find_tls(home: Path) -> dict[str, str]:
    """Return the options that verify the server by the authority that MySQL makes for itself; MariaDB makes none."""
    authority = find_folder(home).absolute() / "data" / "ca.pem"
    return {"tls": "verify-ca", "tls_ca": str(authority)} if authority.is_file() else {}
