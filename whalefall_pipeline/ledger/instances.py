"""Reads and writes the registered instances and their credentials."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance, Login
from whalefall_pipeline.ledger.secrets import SecretStore
from whalefall_pipeline.ledger.tables import credentials, instances

DEFINITIONS_LOCK = (0x57465349, 0)
"""The keys of an advisory lock."""
_COLUMNS = (
    *(instances.c.id, instances.c.name, instances.c.db_type, instances.c.host, instances.c.port),
    *(instances.c.database_name, instances.c.credential_id, instances.c.options, instances.c.is_active),
    instances.c.vanish_limit_percent,
)


def read_instances(connection: Connection, names: Collection[str] | None = None) -> list[Instance]:
    """Give the active instances in the order of their names; with `names`, those of them, active or not."""
    wanted = instances.c.is_active if names is None else instances.c.name.in_(names)
    return [_to_instance(row) for row in connection.execute(select(*_COLUMNS).where(wanted).order_by(instances.c.name))]


def read_changed_instances(connection: Connection, since: datetime | None) -> tuple[list[Instance], datetime | None]:
    """Give the active instances whose definition changed after a moment (None: all), and when the newest did."""
    wanted = instances.c.is_active if since is None else and_(instances.c.is_active, instances.c.updated_at > since)
    statement = select(*_COLUMNS, instances.c.updated_at).where(wanted).order_by(instances.c.updated_at)
    rows = connection.execute(statement).all()
    return [_to_instance(row) for row in rows], rows[-1].updated_at if rows else None


def _lock_definitions(connection: Connection) -> None:
    """Have one transaction at a time change definitions, so that they become visible in the order of `updated_at`.

    Else one that began earlier and is committed later would be older than what a reader of changes has seen already.
    """
    connection.execute(select(func.pg_advisory_xact_lock(*DEFINITIONS_LOCK)))


def write_instance(connection: Connection, instance: Instance, *, username: str, secret: str) -> Instance:
    """Register an instance with its credential, or bring a removed one back, and give it with its id.

    `secret` is in its stored form. Raises InvalidInstanceError when the name belongs to an active instance.
    """
    _lock_definitions(connection)
    credential_id = _write_credential(connection, instance.name, username, secret)
    values = _to_values(instance) | {"credential_id": credential_id, "updated_at": func.clock_timestamp()}
    before = connection.execute(select(*_COLUMNS).where(instances.c.name == instance.name)).one_or_none()
    if before is not None and before.is_active:
        raise InvalidInstanceError(f"an instance named {instance.name} is registered already")
    if before is not None:
        if before.db_type != instance.db_type:
            raise InvalidInstanceError(f"{instance.name} was a {before.db_type} instance; choose another name")
        back = {"is_active": True, "deleted_at": None}
        statement = update(instances).where(instances.c.id == before.id).values(**values, **back)
    else:
        statement = insert(instances).values(name=instance.name, db_type=instance.db_type, **values)
    return _to_instance(connection.execute(statement.returning(*_COLUMNS)).one())


def change_instance(
    connection: Connection, instance: Instance, *, username: str | None = None, secret: str | None = None
) -> None:
    """Write an active instance's new definition; login and stored secret stay as they are where none is given."""
    _lock_definitions(connection)
    values: dict[str, object] = {**_to_values(instance), "updated_at": func.clock_timestamp()}
    if username or secret:
        wanted = credentials.c.id == instance.credential_id
        row = connection.execute(select(credentials.c.username, credentials.c.secret).where(wanted)).one_or_none()
        user, stored = username or (row.username if row else None), secret or (row.secret if row else None)
        if not (user and stored):
            raise InvalidInstanceError(f"{instance.name} has no credential yet; give both user and secret")
        values["credential_id"] = _write_credential(connection, instance.name, user, stored)
    active = and_(instances.c.id == instance.id, instances.c.is_active)
    connection.execute(update(instances).where(active).values(**values))


def remove_instance(connection: Connection, name: str) -> bool:
    """Mark an instance as removed; what is known of its accounts stays. False: no active one has the name."""
    _lock_definitions(connection)
    active = and_(instances.c.name == name, instances.c.is_active)
    gone = {"is_active": False, "deleted_at": func.clock_timestamp(), "updated_at": func.clock_timestamp()}
    return bool(connection.execute(update(instances).where(active).values(**gone)).rowcount)


def read_login(connection: Connection, instance: Instance, store: SecretStore) -> Login:
    """Give the name and secret to collect an instance with. Raises InvalidInstanceError when it has none."""
    wanted = credentials.c.id == instance.credential_id
    row = connection.execute(select(credentials.c.username, credentials.c.secret).where(wanted)).one_or_none()
    if row is None:
        raise InvalidInstanceError(f"{instance.name} has no credential")
    return Login(row.username, store.resolve(row.secret))


def _write_credential(connection: Connection, name: str, username: str, secret: str) -> int:
    values = {"username": username, "secret": secret}
    statement = upsert(credentials).values(name=name, **values)
    statement = statement.on_conflict_do_update(
        index_elements=[credentials.c.name], set_={**values, "updated_at": func.now()}
    )
    return connection.execute(statement.returning(credentials.c.id)).scalar_one()


def _to_values(instance: Instance) -> dict[str, object]:
    return {
        "host": instance.host,
        "port": instance.port,
        "database_name": instance.database,
        "options": dict(instance.options),
        "vanish_limit_percent": instance.vanish_limit_percent,
    }


def _to_instance(row: Row[Any]) -> Instance:
    return Instance(
        id=row.id,
        name=row.name,
        db_type=row.db_type,
        host=row.host,
        port=row.port,
        database=row.database_name,
        credential_id=row.credential_id,
        options=row.options,
        is_active=row.is_active,
        vanish_limit_percent=row.vanish_limit_percent,
    )
