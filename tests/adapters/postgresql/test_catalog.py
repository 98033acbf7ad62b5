"""The traps of PostgreSQL's catalog, each on real servers: the oldest and the newest version."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

import psycopg

from tests.adapters.postgresql.catalog import ORDERS, TOTAL, tokens
from tests.core.reversing import build_facts
from tests.engines.engine import ACCOUNT
from tests.engines.postgresql import PostgresqlEngine
from tests.engines.postgresql_cases import DATABASE, ROLE
from tests.engines.reading import LIMITS, read
from whalefall_pipeline.adapters.deadline import Deadline
from whalefall_pipeline.adapters.postgresql.rows import NOT_SHOWN, PUBLIC
from whalefall_pipeline.core.model import Grant, Kind, Securable
from whalefall_pipeline.core.rules import SUPERUSER
from whalefall_pipeline.core.snapshot import build_snapshot

# What stands in an ACL


def test_no_acl_is_the_default_and_an_empty_one_is_nothing(engine: PostgresqlEngine) -> None:
    assert tokens(read(engine), PUBLIC, TOTAL) == {"EXECUTE"}
    engine.execute("REVOKE ALL ON FUNCTION app.total(int) FROM PUBLIC, postgres;")
    seen = read(engine)
    assert tokens(seen, PUBLIC, TOTAL) == set()
    assert tokens(seen, "postgres", TOTAL) == {"OWNER"}


def test_a_privilege_on_a_column_is_none_on_the_table(engine: PostgresqlEngine) -> None:
    engine.execute(f"GRANT SELECT (total) ON app.orders TO {ACCOUNT};")
    seen = read(engine)
    assert tokens(seen, ACCOUNT, ORDERS) == set()
    assert tokens(seen, ACCOUNT, ORDERS._replace(scope="column", column="total")) == {"SELECT"}


def test_overloads_stay_apart(engine: PostgresqlEngine) -> None:
    engine.execute(f"GRANT EXECUTE ON FUNCTION app.total(text, int[]) TO {ACCOUNT};")
    seen = read(engine)
    assert tokens(seen, ACCOUNT, TOTAL) == set()
    assert tokens(seen, ACCOUNT, TOTAL._replace(object="total(text, integer[])")) == {"EXECUTE"}


def test_what_several_grantors_gave_is_held_once_with_the_option_of_any(engine: PostgresqlEngine) -> None:
    engine.execute(
        "GRANT USAGE ON SCHEMA app TO wf_role;",
        "GRANT SELECT ON app.orders TO wf_role WITH GRANT OPTION;",
        f"GRANT SELECT ON app.orders TO {ACCOUNT} WITH GRANT OPTION;",
        f"SET ROLE wf_role; GRANT SELECT ON app.orders TO {ACCOUNT}; RESET ROLE;",
    )
    assert tokens(read(engine), ACCOUNT, ORDERS) == {"SELECT WITH GRANT OPTION"}
    engine.execute(f"REVOKE SELECT ON app.orders FROM {ACCOUNT};")
    assert tokens(read(engine), ACCOUNT, ORDERS) == {"SELECT"}


def test_a_long_acl_is_read_in_full(engine: PostgresqlEngine) -> None:
    usernames = engine.create_accounts(f"wf_many_{n}" for n in range(3000))
    engine.execute(f"GRANT CONNECT ON DATABASE {DATABASE} TO {', '.join(usernames)};")
    seen = read(engine)
    database = Securable("database", DATABASE)
    assert [name for name in usernames if tokens(seen, name, database) != {"CONNECT"}] == []


def test_the_defaults_of_future_objects_are_what_differs_from_the_built_in_ones(engine: PostgresqlEngine) -> None:
    how = f"ALTER DEFAULT PRIVILEGES FOR ROLE {ROLE}"
    engine.execute(
        f"{how} REVOKE ALL ON ROUTINES FROM PUBLIC, {ROLE};",
        f"{how} GRANT USAGE ON SEQUENCES TO {ACCOUNT};",
        f"{how} IN SCHEMA app GRANT SELECT ON TABLES TO {ACCOUNT};",
    )
    seen = read(engine)
    routines = Securable("default_privileges", DATABASE, "", ROLE, "ROUTINES")
    assert tokens(seen, PUBLIC, routines) == {"REVOKE EXECUTE"}
    assert tokens(seen, ROLE, routines) == {"OWNER", "REVOKE EXECUTE"}
    assert tokens(seen, ACCOUNT, routines._replace(column="SEQUENCES")) == {"USAGE"}
    assert tokens(seen, ROLE, routines._replace(column="SEQUENCES")) == {"OWNER"}
    assert tokens(seen, ACCOUNT, routines._replace(schema="app", column="TABLES")) == {"SELECT"}


def test_a_fresh_server_says_nothing_of_its_own_objects(engine: PostgresqlEngine) -> None:
    own = {"pg_catalog", "information_schema", "pg_toast"}
    assert [grant for grant in read(engine).grants if grant.securable.schema in own] == []
    assert [grant for grant in read(engine).grants if grant.effect != "grant"] == []


def test_schema_public_is_shown_in_full_and_what_it_lost_is_told_once(engine: PostgresqlEngine) -> None:
    public = Securable("schema", DATABASE, "public")
    before = read(engine)
    assert "USAGE" in tokens(before, PUBLIC, public)
    engine.execute("REVOKE USAGE ON SCHEMA public FROM PUBLIC;")
    after = read(engine)
    assert before.grants - after.grants == {Grant(PUBLIC, "USAGE", public)}
    assert after.grants - before.grants == set()


def test_temporary_objects_are_left_out(engine: PostgresqlEngine) -> None:
    before = read(engine)
    with psycopg.connect(engine.running.conninfo(DATABASE)) as connection:
        connection.execute("CREATE TEMPORARY TABLE passing (id int)")
        connection.commit()
        assert read(engine).grants == before.grants


# Who there is


def test_roles_of_the_server_are_of_a_kind_of_their_own_and_no_pattern_takes_others_for_them(
    engine: PostgresqlEngine,
) -> None:
    engine.create_accounts(["pgbouncer", "pg", "PUBLIC", "postgres_exporter"])
    engine.execute("GRANT pg_monitor TO pgbouncer;")
    states = read(engine).states
    assert {"pgbouncer", "pg", "PUBLIC", "postgres_exporter", "postgres"} < states.keys()
    predefined = {name for name, state in states.items() if state.account.kind is Kind.PREDEFINED}
    assert predefined == {name for name in states if name.startswith("pg_")}
    assert {"pg_monitor", "pg_database_owner"} < predefined
    assert states["PUBLIC"].account.kind is Kind.USER
    assert states[PUBLIC].account.kind is Kind.PUBLIC
    categories = build_snapshot(states["pgbouncer"], engine.adapter.rules)["categories"]
    assert isinstance(categories, dict)
    assert categories["postgresql_predefined_roles"] == ["pg_monitor"]


def test_what_roles_of_the_server_hold_is_kept(engine: PostgresqlEngine) -> None:
    engine.execute(
        "GRANT SELECT ON app.orders TO pg_monitor;",
        "ALTER TABLE app.items OWNER TO pg_read_all_data;",
        f"GRANT {ROLE} TO pg_signal_backend;",
    )
    seen = read(engine)
    assert tokens(seen, "pg_monitor", ORDERS) == {"SELECT"}
    assert "OWNER" in tokens(seen, "pg_read_all_data", ORDERS._replace(object="items"))
    assert [membership.role for membership in seen.states["pg_signal_backend"].memberships] == [ROLE]


def test_a_superuser_is_reached_through_a_role_of_the_server(engine: PostgresqlEngine) -> None:
    engine.make_superuser(ROLE)
    engine.execute(f"GRANT {ROLE} TO pg_monitor; GRANT pg_monitor TO {ACCOUNT};")
    states = read(engine).states
    facts = build_facts(states[ACCOUNT], engine.adapter.rules, states, datetime.now(UTC))
    assert SUPERUSER in cast("list[str]", facts["capabilities"])


SECRETS = {
    "app.jwt_secret": "hush-1",
    "app.dsn": "postgres://u:hush-2@h/d",
    "app.pwd": "hush-3",
    "plainly.harmless": "hush-4",
}


def read_settings(engine: PostgresqlEngine, digest_key: bytes) -> dict[str, str]:
    limits = replace(LIMITS, digest_key=digest_key)
    with engine.adapter.open(engine.instance, engine.login, limits, Deadline(60)) as session:
        (account,) = [account for account in session.read_accounts() if account.username == ACCOUNT]
        return cast("dict[str, dict[str, str]]", account.attributes["settings"])[DATABASE]


def test_settings_are_attributes_and_values_of_custom_ones_are_not(engine: PostgresqlEngine) -> None:
    engine.execute(
        f"ALTER ROLE {ACCOUNT} SET search_path TO app, public;",
        *[f"ALTER ROLE {ACCOUNT} IN DATABASE {DATABASE} SET {name} TO '{value}';" for name, value in SECRETS.items()],
        f"ALTER DATABASE {DATABASE} SET work_mem TO '7MB';",
        f"ALTER DATABASE {DATABASE} SET app.pwd TO 'hush-5';",
    )
    seen = read(engine)
    assert seen.states[ACCOUNT].account.attributes["settings"] == {
        "": {"search_path": "app, public"},
        DATABASE: dict.fromkeys(SECRETS, NOT_SHOWN),
    }
    assert seen.states[PUBLIC].account.attributes == {}
    attributes = seen.reading.attributes
    assert attributes is not None
    assert attributes["settings"] == {DATABASE: {"work_mem": "7MB", "app.pwd": NOT_SHOWN}}
    script = engine.adapter.build_script(seen.states)
    assert "hush" not in "".join([*script, repr(seen)])


def test_with_a_key_a_changed_secret_is_seen_and_two_that_are_equal_are_not(engine: PostgresqlEngine) -> None:
    engine.execute(
        *[f"ALTER ROLE {ACCOUNT} IN DATABASE {DATABASE} SET {name} TO 'hush';" for name in SECRETS],
    )
    before = read_settings(engine, b"a key")
    assert before == read_settings(engine, b"a key")
    assert len(set(before.values())) == len(SECRETS)
    assert set(before.values()).isdisjoint(read_settings(engine, b"another").values())
    engine.execute(f"ALTER ROLE {ACCOUNT} IN DATABASE {DATABASE} SET app.pwd TO 'other';")
    after = read_settings(engine, b"a key")
    assert {name for name in SECRETS if before[name] != after[name]} == {"app.pwd"}
    assert "hush" not in repr(before)


def test_what_the_server_is_set_to_is_of_the_instance(engine: PostgresqlEngine) -> None:
    attributes = read(engine).reading.attributes
    assert attributes is not None
    assert attributes["password_encryption"] == "scram-sha-256"
    assert attributes["allow_system_table_mods"] == "off"
    # what only the collector is set to hides it, and says nothing of the server
    engine.execute(f"ALTER ROLE {engine.login.username} SET password_encryption TO 'md5';")
    assert read(engine).reading.attributes is None


def test_a_login_without_any_right_sees_what_a_superuser_sees(engine: PostgresqlEngine) -> None:
    plain = read(engine)
    engine.make_superuser(engine.login.username)
    assert read(engine).grants == plain.grants


def test_a_role_that_comes_or_goes_in_the_middle_does_no_harm(engine: PostgresqlEngine) -> None:
    engine.create_accounts(["wf_leaving"])
    engine.execute(f"GRANT SELECT ON app.orders TO wf_leaving, {ACCOUNT};")
    with engine.adapter.open(engine.instance, engine.login, LIMITS, Deadline(60)) as session:
        accounts = {account.username for account in session.read_accounts()}
        engine.drop_accounts(["wf_leaving"])
        engine.create_accounts(["wf_coming"])
        engine.execute("GRANT SELECT ON app.orders TO wf_coming;")
        grants = session.read_grants().grants
    assert "wf_leaving" in accounts
    assert {grant.grantee for grant in grants if grant.securable == ORDERS} == {"postgres", ACCOUNT}


def test_options_of_a_membership_are_merged_over_its_grantors(engine: PostgresqlEngine) -> None:
    by_two = (
        "GRANT wf_role_16 TO wf_role WITH ADMIN OPTION;",
        f"GRANT wf_role_16 TO {ACCOUNT} WITH INHERIT FALSE, SET TRUE;",
        f"GRANT wf_role_16 TO {ACCOUNT} WITH INHERIT TRUE, SET FALSE GRANTED BY wf_role;",
    )
    # before 16 there is one grantor, and every membership is as these two together
    engine.execute(*by_two if engine.version >= 16 else (f"GRANT wf_role_16 TO {ACCOUNT};",))
    held = {grant for grant in read(engine).reading.grants if grant.grantee == ACCOUNT}
    role = Securable("role", object="wf_role_16")
    assert held == {Grant(ACCOUNT, privilege, role) for privilege in ("MEMBER", "INHERIT", "SET")}
