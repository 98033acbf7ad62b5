"""Every engine's folder has the same plan, and beside it only what that engine alone has."""

from pathlib import Path

import pytest

import whalefall_pipeline
from whalefall_pipeline.adapters.registry import ADAPTERS

FOLDERS = Path(whalefall_pipeline.__file__).with_name("adapters")
TOY = Path(__file__).parents[1] / "engines" / "toy_adapter"

COMMON = {
    "__init__.py": "the adapter",
    "catalog.sql": "what is asked",
    "collector.py": "pure: the script for the login that reads",
    "options.py": "which options an instance may have",
    "connection.py": "one connection; loads the driver",
    "errors.py": "the driver's errors as ours",
    "names.py": "quoting and spelling",
    "rows.py": "a row as a value",
    "reader.py": "the order of reading, and what was not seen",
    "rules.py": "pure: categories and capabilities",
    "access.py": "pure: effective access",
    "findings.py": "pure: what is wrong with accounts",
    "script/__init__.py": "pure: the order of a script",
    "script/accounts.py": "pure: accounts as statements",
    "script/grants.py": "pure: grants as statements",
}
THEMES = {
    "findings_accounts.py": "pure: rules of how accounts log in",
    "findings_grants.py": "pure: rules of what they hold",
    "findings_settings.py": "pure: rules of what the instance is set to",
}
"""What every engine has that has more rules than a page; the toy engine has one rule."""
OWN = {
    "postgresql": {
        "catalog_database.sql": "what is asked in each database",
        "access_dangers.py": "what lets a role become more than it is",
        "access_gates.py": "row-level security, and other gates",
        "access_links.py": "memberships with three options, and what stands for one",
        "access_sources.py": "what gives a privilege without an entry in an ACL",
        "fetched.py": "pure: rows as they came, which nothing is made of before it has to be",
        "login.py": "libpq's login in steps, through a relay",
        "script/grantors.py": "privileges that others than the owner gave",
        "script/owners.py": "changes of owners, and what they entail",
        "unseen.py": "pure: why databases are not seen, and what opens them",
        "script/policies.py": "whom policies are for, all of them at once",
    },
    "mysql": {
        "access_dangers.py": "pure: what lets an account become more",
        "access_gates.py": "pure: whether an account is let in, and as whom a view runs",
        "access_links.py": "pure: roles that are on or can be set, and proxies",
        "access_lookup.py": "pure: what an instance's logins go by, found once",
        "access_open.py": "pure: the server's own tables that no grant opens",
        "access_seeds.py": "pure: where all paths to a privilege end",
        "access_rows.py": "pure: which of several rows of the grant tables counts",
        "access_sources.py": "pure: what gives a privilege to an account by itself",
        "access_words.py": "pure: which privileges and objects there are",
        "catalog_mariadb.sql": "the same questions, of MariaDB's tables",
        "definers.py": "who views, routines, triggers and events run as",
        "everybody.py": "rows without a user, which hold for everybody from a host",
        "flavour.py": "which of the two servers answers, and what differs",
        "mariadb.py": "MariaDB's accounts, which are JSON",
        "catalog.py": "each statement asked once, and whether its answer is known",
        "mysql.py": "MySQL's accounts, and its partial revokes",
        "own_roles.py": "which of the login's roles is turned on, where one at a time is",
        "packed.py": "pure: answers that the server packs into one text",
        "protocol.py": "bounds on what a server may send, and whom the password reaches",
        "script/lines.py": "lines that no client misreads, whatever names hold",
        "script/roles.py": "roles and default roles",
        "script/secrets.py": "how a re-created account logs in",
        "script/settings.py": "the clauses that set what an account may do",
    },
    "sqlserver": {
        "access_code.py": "modules that run as somebody else",
        "access_dangers.py": "what lets a principal become more than it is",
        "access_links.py": "memberships, impersonation, and roles that one may alter",
        "access_permissions.py": "which permissions imply others, from the server down to columns",
        "access_gates.py": "whether an account may log in",
        "access_principals.py": "logins and the users that they are, and who was granted what links rest on",
        "access_takeovers.py": "who can take over accounts that are no superusers",
        "access_seeds.py": "where all paths to a permission end",
        "catalog.py": "statements that ask several databases at once",
        "databases.py": "what can be read of each database before it is asked",
        "denials.py": "what is denied to the collector, and hides rows from it",
        "fixed_roles.py": "what the server's own roles may do",
        "inventory.py": "logins, and the users and roles of each database, as one list",
        "route.py": "a relay before a driver without bounds, and the port of a named instance",
        "securables.py": "classes of permissions as scopes",
        "worker.py": "a thread for a driver whose calls can't be ended",
    },
    "oracle": {
        "access_code.py": "code that runs with its owner's rights",
        "access_dangers.py": "what lets an account become more than it is",
        "access_links.py": "roles that are on or off, proxies, and accounts that one may alter",
        "access_privileges.py": "which privileges reach into every schema, and the dictionary",
        "access_seeds.py": "where all paths to a privilege end",
        "catalog.py": "which text this server's version and container get",
        "catalog_root.sql": "the same questions, of all containers at once",
        "container_data.py": "what the login may see of containers, from the root",
        "containers.py": "which container a row is about, and its names",
        "grants.py": "rows of grants, which are many kinds",
        "lane.py": "an event loop for a driver of coroutines",
        "object_types.py": "types of objects as scopes",
    },
}
"""What only one engine has, with the reason. A file that is new here says why no other engine needs one."""
DRIVERS = {
    "postgresql": ("psycopg", {"connection.py", "errors.py", "login.py"}),
    "mysql": ("pymysql", {"connection.py", "protocol.py"}),
    "sqlserver": ("mssql_python", {"connection.py"}),
    "oracle": ("oracledb", {"connection.py"}),
}
"""The driver, and the files that may import it."""


def list_files(folder: Path) -> set[str]:
    return {str(file.relative_to(folder)) for file in folder.rglob("*") if file.suffix in (".py", ".sql")}


def test_each_engine_is_a_folder_and_a_line() -> None:
    folders = {folder.name for folder in FOLDERS.iterdir() if (folder / "__init__.py").exists()}
    assert folders == ADAPTERS.keys() == OWN.keys()


@pytest.mark.parametrize("engine", list(OWN))
def test_an_engine_has_the_common_files_and_those_that_are_named(engine: str) -> None:
    assert list_files(FOLDERS / engine) == COMMON.keys() | THEMES.keys() | OWN[engine].keys()


def test_the_toy_engine_has_the_common_files_alone() -> None:
    assert list_files(TOY) == COMMON.keys()


@pytest.mark.parametrize("engine", list(DRIVERS))
def test_the_driver_is_loaded_in_few_places(engine: str) -> None:
    driver, allowed = DRIVERS[engine]
    folder = FOLDERS / engine
    loading = {
        file
        for file in list_files(folder)
        for line in (folder / file).read_text(encoding="utf-8").splitlines()
        if line.split()[:1] in (["import"], ["from"]) and line.split()[1].partition(".")[0] == driver
    }
    assert loading <= allowed
