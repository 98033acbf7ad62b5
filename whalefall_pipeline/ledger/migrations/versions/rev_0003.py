"""What the newest reading of an instance gave, so that one that gives the same need not be compared by account.

Revision ID: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

WRITTEN_DIGESTS = """
create or replace view written_digests as
select a.instance_id,
       sha256(string_agg(int8send(a.id) || coalesce(s.digest, ''), cast('' as bytea) order by a.id)) as digest
from instance_accounts a
left join account_snapshots s on s.instance_account_id = a.id
where a.is_active
group by a.instance_id;
comment on view written_digests is 'one digest of what is written of an instance''s accounts';
comment on column written_digests.instance_id is 'an instance that has active accounts';
comment on column written_digests.digest is 'of the digests of its active accounts'' snapshots, by account';
"""


def upgrade() -> None:
    """Add the table, and the view that tells whether the ledger is still as the reading left it."""
    op.create_table(
        "instance_readings",
        sa.Column("instance_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False, comment="of all that the reading gave"),
        sa.Column(
            "written",
            sa.LargeBinary(),
            nullable=False,
            comment="of the digests that its accounts then had in the ledger",
        ),
        sa.Column("accounts", sa.Integer(), nullable=False),
        sa.Column("grants", sa.Integer(), nullable=False),
        sa.Column("not_in_inventory", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("instance_readings_instance_id_fkey")),
        sa.PrimaryKeyConstraint("instance_id", name=op.f("instance_readings_pkey")),
        comment="the newest reading that observed everything: one that is the same changes nothing",
    )
    op.get_bind().exec_driver_sql(WRITTEN_DIGESTS)
