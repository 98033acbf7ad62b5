"""What all tables of the ledger share."""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    MetaData,
    func,
)

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)
MOMENT = DateTime(timezone=True)
NOW = func.now()


def row_id() -> Column[int]:
    """Return the column `id`, which the ledger numbers by itself."""
    return Column("id", BigInteger, Identity(), primary_key=True)


def reference(name: str, target: str, *, nullable: bool = False, primary_key: bool = False) -> Column[int]:
    """Return a column that refers to another table's `id`."""
    return Column(name, BigInteger, ForeignKey(target), nullable=nullable, primary_key=primary_key)


def instance_id() -> Column[int]:
    """Return the reference to the instance that a row is of."""
    return reference("instance_id", "instances.id")


# Accounts, what they hold and findings have no foreign keys: their checks, one by one, were two thirds of the time that
# a first sync's rows took, and neither instances nor accounts are ever deleted.
def of_instance() -> Column[int]:
    """Return the number of the instance that one of many rows is of."""
    return Column("instance_id", BigInteger, nullable=False)


def of_account(*, primary_key: bool = False) -> Column[int]:
    """Return the number of the account that one of many rows is of."""
    return Column("instance_account_id", BigInteger, nullable=False, primary_key=primary_key, autoincrement=False)
