"""Reads and writes credentials as such: how each is kept, and all of them encrypted again with another key."""

from typing import NamedTuple

from sqlalchemy import Connection, func, select, update

from whalefall_pipeline.core.errors import InvalidInstanceError
from whalefall_pipeline.ledger.instances import DEFINITIONS_LOCK
from whalefall_pipeline.ledger.secrets import SecretStore, is_reference
from whalefall_pipeline.ledger.tables import credentials, instances


class Kept(NamedTuple):
    """A credential, which has the name of its instance: its login's name, and its secret in the stored form."""

    name: str
    username: str
    secret: str
    is_active: bool


class Rotated(NamedTuple):
    """How many credentials were encrypted again, and the names of those that no key here opens."""

    encrypted: int
    unreadable: list[str]


def read_credentials(connection: Connection) -> list[Kept]:
    """Return all credentials in the order of their names, those of removed instances too."""
    is_active = func.coalesce(func.bool_or(instances.c.is_active), False)
    statement = (
        select(credentials.c.name, credentials.c.username, credentials.c.secret, is_active)
        .outerjoin(instances, instances.c.credential_id == credentials.c.id)
        .group_by(credentials.c.id)
        .order_by(credentials.c.name)
    )
    return [Kept(*row) for row in connection.execute(statement)]


def write_encrypted_again(connection: Connection, store: SecretStore) -> Rotated:
    """Encrypt all that is encrypted with the first key; what no key opens stays as it is.

    Nobody registers or changes an instance meanwhile.
    """
    connection.execute(select(func.pg_advisory_xact_lock(*DEFINITIONS_LOCK)))
    rows = connection.execute(select(credentials.c.id, credentials.c.name, credentials.c.secret).with_for_update())
    unreadable: list[str] = []
    count = 0
    for id_, name, stored in rows.all():
        if is_reference(stored):
            continue
        try:
            again = store.encrypt_again(stored)
        except InvalidInstanceError:
            unreadable.append(name)
            continue
        connection.execute(update(credentials).where(credentials.c.id == id_).values(secret=again))
        count += 1
    return Rotated(count, sorted(unreadable))
