"""A credential goes to the server that it was registered for: whatever else the ledger's rows say, it is not sent."""

from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from tests.ledger.rows import read
from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance, Login
from whalefall_pipeline.ledger.bindings import Binding, check_binding
from whalefall_pipeline.ledger.database import transaction
from whalefall_pipeline.ledger.instances import change_instance, read_instances, read_login, write_instance
from whalefall_pipeline.ledger.secrets import SecretStore

SECRET = "S3cret-of-the-test"
SHOP = Instance(0, "shop", "postgresql", "db1.example", 5432, "orders", options={"sslmode": "verify-full"})
EDITS = {
    "host": "update instances set host = 'evil.example'",
    "port": "update instances set port = 5433",
    "an option that redirects": """update instances set options = options || '{"hostaddr": "192.0.2.1"}'""",
    "an option that secures": "update instances set options = '{}'",
    "an option with another value": """update instances set options = '{"sslmode": "disable"}'""",
    "an option that poses as the host": """update instances set options = options || '{"host": "evil.example"}'""",
    "engine": "update instances set db_type = 'mysql'",
}
texts = st.text(st.characters(exclude_categories=["Cs"]))
bindings = st.builds(Binding, texts, texts, st.integers(1, 65535), st.dictionaries(texts, texts, max_size=3))
KEY = Fernet.generate_key().decode()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SecretStore:
    monkeypatch.setenv("SHOP_PASSWORD", SECRET)
    (tmp_path / "password").write_text(SECRET)
    return SecretStore(tmp_path)


@pytest.fixture(params=["encrypted", "env", "file", "encrypted before there were bindings"])
def registered(request: pytest.FixtureRequest, ledger: Engine, store: SecretStore, tmp_path: Path) -> Instance:
    """An instance whose credential is of each kind, and has been used once."""
    forms = {"env": "env:SHOP_PASSWORD", "file": f"file:{tmp_path / 'password'}"}
    stored = forms.get(request.param) or store.encrypt(SECRET)
    binder = None if "before" in request.param else store
    with ledger.connect() as connection, transaction(connection):
        instance = write_instance(connection, SHOP, username="collector", secret=stored, store=binder)
        if binder is None:
            connection.execute(text("update credentials set bound_to = null"))
    assert use(ledger, store) == Login("collector", SECRET)
    return instance


def use(ledger: Engine, store: SecretStore) -> Login:
    with ledger.connect() as connection, transaction(connection):
        (instance,) = read_instances(connection, ["shop"])
        return read_login(connection, instance, store)


def execute(ledger: Engine, statement: str) -> None:
    with ledger.begin() as connection:
        connection.execute(text(statement))


@given(texts.filter(lambda secret: not secret.startswith("\0")), bindings)
def test_what_is_encrypted_comes_back_with_what_it_is_for(secret: str, binding: Binding) -> None:
    store = SecretStore(Path(), KEY)
    opened = store.open(store.encrypt(secret, binding))
    assert (opened.text, opened.binding) == (secret, binding)
    assert Binding.from_json(binding.to_json()) == binding
    assert binding.diff(binding) == {}


@given(bindings, bindings)
def test_a_binding_lets_its_own_definition_pass_and_no_other(one: Binding, other: Binding) -> None:
    instance = Instance(1, "shop", other.db_type, other.host, other.port, options=other.options)
    if one == other:
        check_binding(one, instance)
    else:
        with pytest.raises(InvalidInstanceError) as refused:
            check_binding(one, instance)
        assert str(refused.value).isprintable()


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_row_redirects_no_credential(
    registered: Instance, ledger: Engine, store: SecretStore, edit: str
) -> None:
    execute(ledger, EDITS[edit])
    with pytest.raises(InvalidInstanceError, match=r"shop's credential is for db1.example:5432 and is sent nowhere"):
        use(ledger, store)


def test_what_sends_nothing_elsewhere_may_change(registered: Instance, ledger: Engine, store: SecretStore) -> None:
    execute(ledger, "update instances set database_name = 'other', vanish_limit_percent = 1")
    assert use(ledger, store).password == SECRET


def test_the_credential_of_another_instance_is_not_taken(
    registered: Instance, ledger: Engine, store: SecretStore
) -> None:
    evil = replace(SHOP, name="evil", host="evil.example")
    with ledger.connect() as connection, transaction(connection):
        write_instance(connection, evil, username="x", secret=store.encrypt("x"), store=store)
    for statement in (
        "update instances set credential_id = (select id from credentials where name = 'shop')",
        "update instances set credential_id = (select id from credentials where name = 'evil')",
    ):
        execute(ledger, statement)
    execute(ledger, "update credentials set secret = (select secret from credentials where name = 'evil')")
    execute(ledger, "update credentials set bound_to = null")
    with pytest.raises(InvalidInstanceError, match=r"is for evil.example:5432 and is sent nowhere else"):
        use(ledger, store)


def test_a_bound_secret_is_never_taken_for_one_that_is_not(store: SecretStore) -> None:
    """One that poses as unbound would be bound to wherever the ledger then points."""
    stored = store.encrypt(SECRET, Binding.of(SHOP))
    assert store.open(stored).binding == Binding.of(SHOP)
    assert store.resolve(store.bind(stored, Binding.of(replace(SHOP, port=1)))) == SECRET
    with pytest.raises(InvalidInstanceError, match="can't begin with"):
        store.encrypt("\0bound:{}")


def test_a_change_binds_to_what_a_person_names_and_to_nothing_else(
    registered: Instance, ledger: Engine, store: SecretStore
) -> None:
    execute(ledger, "update instances set host = 'evil.example'")
    with ledger.connect() as connection:
        with transaction(connection):
            (edited,) = read_instances(connection, ["shop"])
        moved = replace(edited, port=5433)
        with (
            pytest.raises(InvalidInstanceError, match=r"host is evil\.example and was db1\.example"),
            transaction(connection),
        ):
            change_instance(connection, moved, store=store, named={"port"})
        with transaction(connection):
            meant = replace(moved, host="db2.example")
            assert change_instance(connection, meant, store=store, named={"host", "port"})
            assert not change_instance(connection, meant, username="reader", store=store)
    assert use(ledger, store) == Login("reader", SECRET)
    execute(ledger, "update instances set host = 'db1.example', port = 5432")
    with pytest.raises(InvalidInstanceError, match=r"is for db2.example:5433"):
        use(ledger, store)


def test_a_new_secret_needs_no_key_of_the_old_one(ledger: Engine, store: SecretStore, tmp_path: Path) -> None:
    with ledger.connect() as connection, transaction(connection):
        instance = write_instance(connection, SHOP, username="collector", secret=store.encrypt(SECRET), store=store)
    other = SecretStore(tmp_path / "another", KEY)
    with ledger.connect() as connection:
        with pytest.raises(InvalidInstanceError, match="another WHALEFALL_SECRET_KEY"), transaction(connection):
            change_instance(connection, replace(instance, port=1), store=other, named={"port"})
        with transaction(connection):
            assert change_instance(connection, instance, secret=other.encrypt("new"), store=other)
    assert use(ledger, other).password == "new"


def test_the_first_use_is_written_once(ledger: Engine, store: SecretStore) -> None:
    with ledger.connect() as connection, transaction(connection):
        write_instance(connection, SHOP, username="collector", secret=store.encrypt(SECRET))
    use(ledger, store)
    (before,) = read(ledger, "select secret, xmin::text from credentials")
    use(ledger, store)
    assert read(ledger, "select secret, xmin::text from credentials") == [before]
    assert store.open(before["secret"]).binding == Binding.of(SHOP)
