"""Reads and writes the registered instances and their credentials."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.core.model import Instance, Json, Login
from whalefall_pipeline.ledger.bindings import Binding, check_binding
from whalefall_pipeline.ledger.secrets import SecretStore, is_reference
from whalefall_pipeline.ledger.tables import credentials, instance_exclusion, instances

DEFINITIONS_LOCK = (0x57465349, 0)
"""The keys of an advisory lock."""
NOBODY = "unknown"
"""Who excludes something where no person is known."""
_COLUMNS = (
    *(instances.c.id, instances.c.name, instances.c.db_type, instances.c.host, instances.c.port),
    *(instances.c.database_name, instances.c.credential_id, instances.c.options, instances.c.is_active),
    *(instances.c.vanish_limit_percent, instances.c.labels),
)
_EXCLUDED = (
    select(func.coalesce(func.jsonb_object_agg(instance_exclusion.c.scope, instance_exclusion.c.reason), text("'{}'")))
    .where(instance_exclusion.c.instance_id == instances.c.id, instance_exclusion.c.ended_at.is_(None))
    .correlate(instances)
    .scalar_subquery()
    .label("excluded")
)


def read_instances(connection: Connection, names: Collection[str] | None = None) -> list[Instance]:
    """Return the active instances in the order of their names; with `names`, those of them, active or not."""
    wanted = instances.c.is_active if names is None else instances.c.name.in_(names)
    statement = select(*_COLUMNS, _EXCLUDED).where(wanted).order_by(instances.c.name)
    return [_to_instance(row) for row in connection.execute(statement)]


def read_changed_instances(connection: Connection, since: datetime | None) -> tuple[list[Instance], datetime | None]:
    """Return the active instances whose definition changed after a moment (None: all), and when the newest did."""
    wanted = instances.c.is_active if since is None else and_(instances.c.is_active, instances.c.updated_at > since)
    statement = select(*_COLUMNS, _EXCLUDED, instances.c.updated_at).where(wanted).order_by(instances.c.updated_at)
    rows = connection.execute(statement).all()
    return [_to_instance(row) for row in rows], rows[-1].updated_at if rows else None


def lock_definitions(connection: Connection) -> None:
    """Have one transaction at a time change definitions, so that they become visible in the order of `updated_at`.

    Else one that began earlier and is committed later would be older than what a reader of changes has seen already.
    Who writes what depends on a definition locks before reading it, or another's change in between is lost.
    """
    connection.execute(select(func.pg_advisory_xact_lock(*DEFINITIONS_LOCK)))


def write_instance(
    connection: Connection,
    instance: Instance,
    *,
    username: str,
    secret: str,
    store: SecretStore | None = None,
    by: str = NOBODY,
) -> Instance:
    """Register an instance with its credential, or bring a removed one back, and return it with its id.

    `secret` is in its stored form; `store` binds it to the instance, which its first use does otherwise; `by` is who
    excludes what is excluded. Raises InvalidInstanceError when the name belongs to an active instance.
    """
    lock_definitions(connection)
    bound = store.bind(secret, Binding.of(instance)) if store else secret
    credential_id = _write_credential(connection, instance, username, bound)
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
    written = connection.execute(statement.returning(instances.c.id)).scalar_one()
    _write_exclusions(connection, written, instance.excluded, by)
    return _to_instance(connection.execute(select(*_COLUMNS, _EXCLUDED).where(instances.c.id == written)).one())


def change_instance(
    connection: Connection,
    instance: Instance,
    *,
    username: str | None = None,
    secret: str | None = None,
    store: SecretStore | None = None,
    named: Collection[str] = (),
    by: str = NOBODY,
) -> bool:
    """Write an active instance's new definition; login and stored secret stay as they are where none is given.

    With `store` the credential is bound again to the parts of the definition that are `named`, as a `Binding` names
    them; returns whether it was. Raises InvalidInstanceError when a part that is not named is another one than the
    credential was registered for, unless a new `secret` comes and the old one can't be read.
    """
    lock_definitions(connection)
    values: dict[str, object] = {**_to_values(instance), "updated_at": func.clock_timestamp()}
    row = _read_credential(connection, instance)
    before = _find_binding(row, store, lost=secret is not None) if row and store else None
    if before:
        check_binding(before, instance, named)
    is_moved = bool(row and store) and before != Binding.of(instance)
    if username or secret or is_moved:
        user, stored = username or (row.username if row else None), secret or (row.secret if row else None)
        if not (user and stored):
            raise InvalidInstanceError(f"{instance.name} has no credential yet; give both user and secret")
        bound = store.bind(stored, Binding.of(instance)) if store else stored
        values["credential_id"] = _write_credential(connection, instance, user, bound)
    active = and_(instances.c.id == instance.id, instances.c.is_active)
    connection.execute(update(instances).where(active).values(**values))
    _write_exclusions(connection, instance.id, instance.excluded, by)
    return is_moved


def remove_instance(connection: Connection, name: str) -> bool:
    """Mark an instance as removed; what is known of its accounts stays. False: no active one has the name."""
    lock_definitions(connection)
    active = and_(instances.c.name == name, instances.c.is_active)
    gone = {"is_active": False, "deleted_at": func.clock_timestamp(), "updated_at": func.clock_timestamp()}
    return bool(connection.execute(update(instances).where(active).values(**gone)).rowcount)


def read_login(connection: Connection, instance: Instance, store: SecretStore) -> Login:
    """Return the name and secret to collect an instance with.

    A credential that is not bound yet is bound to the instance, for which the transaction has to be committed. Raises
    InvalidInstanceError when there is none, and when it was registered for another server, or another way to it.
    """
    row = _read_credential(connection, instance)
    if row is None:
        raise InvalidInstanceError(f"{instance.name} has no credential")
    bound = _find_binding(row, store)
    if bound is None:
        row, bound = _bind(connection, instance, store)
    check_binding(bound, instance)
    return Login(row.username, store.resolve(row.secret))


def _read_credential(connection: Connection, instance: Instance, *, lock: bool = False) -> Row[Any] | None:
    wanted = select(credentials).where(credentials.c.id == instance.credential_id)
    return connection.execute(wanted.with_for_update() if lock else wanted).one_or_none()


def _find_binding(row: Row[Any], store: SecretStore, *, lost: bool = False) -> Binding | None:
    """Return what a credential is bound to; None where it is not, or, with `lost`, where that can't be read."""
    if is_reference(row.secret):
        return Binding.from_json(row.bound_to) if row.bound_to else None
    try:
        return store.find_binding(row.secret)
    except InvalidInstanceError:
        if lost:
            return None
        raise


def _bind(connection: Connection, instance: Instance, store: SecretStore) -> tuple[Row[Any], Binding]:
    """Bind a credential to an instance, unless another transaction has bound it meanwhile; return both."""
    row = _read_credential(connection, instance, lock=True)
    if row is None:
        raise InvalidInstanceError(f"{instance.name} has no credential")
    if bound := _find_binding(row, store):
        return row, bound
    binding = Binding.of(instance)
    values = {"secret": store.bind(row.secret, binding), "bound_to": _to_bound(row.secret, binding)}
    statement = update(credentials).where(credentials.c.id == row.id).values(**values)
    return connection.execute(statement.returning(*credentials.c)).one(), binding


def _to_bound(secret: str, binding: Binding) -> dict[str, Json] | None:
    return binding.to_json() if is_reference(secret) else None


def _write_credential(connection: Connection, instance: Instance, username: str, secret: str) -> int:
    """Write a credential by the instance's name; a reference is bound to the instance, an encrypted secret holds it."""
    values = {"username": username, "secret": secret, "bound_to": _to_bound(secret, Binding.of(instance))}
    statement = upsert(credentials).values(name=instance.name, **values)
    statement = statement.on_conflict_do_update(
        index_elements=[credentials.c.name], set_={**values, "updated_at": func.now()}
    )
    return connection.execute(statement.returning(credentials.c.id)).scalar_one()


def _write_exclusions(connection: Connection, instance_id: int, wanted: Mapping[str, str], by: str) -> None:
    """Make these the exclusions of an instance; those that stay are not touched."""
    kept = instance_exclusion.c
    current = and_(kept.instance_id == instance_id, kept.ended_at.is_(None))
    found = connection.execute(select(kept.id, kept.scope, kept.reason).where(current)).all()
    ended = [row.id for row in found if wanted.get(row.scope) != row.reason]
    if ended:
        over = {"ended_at": func.clock_timestamp(), "ended_by": by}
        connection.execute(update(instance_exclusion).where(kept.id.in_(ended)).values(**over))
    known = {row.scope: row.reason for row in found}
    new = [
        {"instance_id": instance_id, "scope": scope, "reason": reason, "excluded_by": by}
        for scope, reason in wanted.items()
        if known.get(scope) != reason
    ]
    if new:
        connection.execute(insert(instance_exclusion), new)


def _to_values(instance: Instance) -> dict[str, object]:
    return {
        "host": instance.host,
        "port": instance.port,
        "database_name": instance.database,
        "options": dict(instance.options),
        "vanish_limit_percent": instance.vanish_limit_percent,
        "labels": dict(instance.labels),
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
        labels=row.labels,
        excluded=row.excluded,
    )
