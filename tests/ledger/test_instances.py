"""What is refused of a definition and of its credential, and what another transaction may do to one meanwhile."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from tests.ledger.rows import read
from tests.waiting import wait_for
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance, Login
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import (
    change_instance,
    read_instances,
    read_login,
    remove_instance,
    write_instance,
)
from whalefall_pipeline.ledger.secrets import SecretStore

SHOP = Instance(0, "shop", "postgresql", "db1.example", 5432, "orders")
WITHOUT_CREDENTIAL = ("update instances set credential_id = null", "delete from credentials")
WAITING = "select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SecretStore:
    monkeypatch.setenv("SHOP_PASSWORD", "of the shop")
    return SecretStore(tmp_path)


def register(ledger: Engine, instance: Instance = SHOP) -> Instance:
    """Register an instance whose credential is not bound yet."""
    with ledger.connect() as connection, transaction(connection):
        written = write_instance(connection, instance, username="collector", secret="env:SHOP_PASSWORD")
        connection.execute(text("update credentials set bound_to = null"))
    return written


def execute(ledger: Engine, statements: Sequence[str]) -> None:
    with ledger.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def use(ledger: Engine, store: SecretStore) -> Login:
    with ledger.connect() as connection, transaction(connection):
        (instance,) = read_instances(connection, ["shop"])
        return read_login(connection, instance, store)


def test_a_name_that_is_taken_is_refused_and_keeps_its_definition(ledger: Engine) -> None:
    register(ledger)
    with pytest.raises(InvalidInstanceError, match="shop is registered already"):
        register(ledger, replace(SHOP, host="db2.example"))
    assert read(ledger, "select host from instances") == [{"host": "db1.example"}]


def test_a_removed_instance_comes_back_with_its_past_but_never_as_another_engine(ledger: Engine) -> None:
    first = register(ledger)
    with ledger.connect() as connection, transaction(connection):
        assert remove_instance(connection, "shop")
    with pytest.raises(InvalidInstanceError, match="shop was a postgresql instance; choose another name"):
        register(ledger, replace(SHOP, db_type="mysql"))
    assert read(ledger, "select db_type, is_active from instances") == [{"db_type": "postgresql", "is_active": False}]
    assert register(ledger, replace(SHOP, host="db2.example")).id == first.id


@pytest.mark.parametrize("half", [{"username": "other"}, {"secret": "env:SHOP_PASSWORD"}], ids=["user", "secret"])
def test_half_of_a_credential_is_refused_where_there_is_none(
    ledger: Engine, store: SecretStore, half: dict[str, str]
) -> None:
    register(ledger)
    execute(ledger, WITHOUT_CREDENTIAL)
    with ledger.connect() as connection, transaction(connection):
        (instance,) = read_instances(connection)
        with pytest.raises(InvalidInstanceError, match="shop has no credential yet; give both user and secret"):
            change_instance(connection, instance, store=store, **half)
        change_instance(connection, instance, store=store, username="other", secret="env:SHOP_PASSWORD")
    assert use(ledger, store) == Login("other", "of the shop")


def test_an_instance_without_a_credential_has_no_login(ledger: Engine, store: SecretStore) -> None:
    register(ledger)
    execute(ledger, WITHOUT_CREDENTIAL)
    with pytest.raises(InvalidInstanceError, match="shop has no credential"):
        use(ledger, store)


def use_during(ledger: Engine, store: SecretStore, statements: Sequence[str]) -> Login:
    """Use a credential that is not bound while another transaction, which ends first, has done something to it."""
    with ThreadPoolExecutor(1) as others, ledger.connect() as connection:
        with connection.begin():
            for statement in statements:
                connection.execute(text(statement))
            login = others.submit(use, ledger, store)
            wait_for(lambda: read(ledger, WAITING), "the use waits for the other transaction")
        return login.result()


def test_a_credential_that_another_transaction_binds_meanwhile_is_used_as_that_bound_it(
    ledger: Engine, store: SecretStore
) -> None:
    register(ledger)
    use(ledger, store)
    bound = read(ledger, "select bound_to::text from credentials")[0]["bound_to"]
    execute(ledger, ["update credentials set bound_to = null"])
    here = f"update credentials set bound_to = '{bound}'"
    assert use_during(ledger, store, [here]) == Login("collector", "of the shop")
    execute(ledger, ["update credentials set bound_to = null"])
    elsewhere = here.replace("db1.example", "db2.example")
    with pytest.raises(InvalidInstanceError, match=r"db2\.example"):
        use_during(ledger, store, [elsewhere])


def test_a_credential_that_is_deleted_meanwhile_is_none(ledger: Engine, store: SecretStore) -> None:
    register(ledger)
    with pytest.raises(InvalidInstanceError, match="shop has no credential"):
        use_during(ledger, store, WITHOUT_CREDENTIAL)
