"""Findings and what they were made of, waivers, and views of both.

Revision ID: 0009
"""

from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"

VIEWS = Path(__file__).with_name("0009_views.sql")
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the tables and views."""
    _create_finding()
    _create_evaluation()
    _create_waiver()
    op.get_bind().exec_driver_sql(VIEWS.read_text(encoding="utf-8"))


def _create_finding() -> None:
    op.create_table(
        "finding",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("instance_id", sa.BigInteger(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        _commented("instance_account_id", sa.BigInteger(), "null: it is of no account, or of one that does not exist"),
        _commented("username", sa.Text(), "empty: it is of the instance", nullable=False),
        _commented(
            "object", sa.Text(), "what of the account or instance it is about; empty: all of it", nullable=False
        ),
        _commented(
            "outcome", sa.Text(), "found, or unknown: the rule could not see all that it looks at", nullable=False
        ),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        _commented("detail", postgresql.JSONB(), "as the newest reading has it", nullable=False),
        sa.Column("opened_at", MOMENT, nullable=False),
        sa.Column("closed_at", MOMENT),
        _commented("opened_in", sa.Text(), "the session that found it", nullable=False),
        _commented("closed_in", sa.Text(), "the session that found it gone"),
        sa.CheckConstraint("outcome in ('found', 'unknown')", name=op.f("finding_outcome_check")),
        sa.CheckConstraint("severity in ('critical', 'high', 'medium', 'low')", name=op.f("finding_severity_check")),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("finding_instance_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("finding_pkey")),
        comment="what a rule says of an instance, in one interval of time; a rule without an open row is clear",
    )
    op.create_index("finding_instance", "finding", ["instance_id", "opened_at"])
    op.create_index(
        "finding_open",
        "finding",
        ["instance_id", "rule_id", "username", "object", "outcome"],
        unique=True,
        postgresql_where=sa.text("closed_at is null"),
    )


def _create_evaluation() -> None:
    op.create_table(
        "finding_evaluation",
        sa.Column("instance_id", sa.BigInteger(), autoincrement=False, nullable=False),
        _commented("rules", sa.LargeBinary(), "a digest of the rules that were asked", nullable=False),
        _commented("basis", sa.LargeBinary(), "a digest of what they were asked about", nullable=False),
        _commented("due_at", MOMENT, "when they say something else by themselves; null: never"),
        sa.Column("evaluated_at", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("finding_evaluation_instance_id_fkey")),
        sa.PrimaryKeyConstraint("instance_id", name=op.f("finding_evaluation_pkey")),
        comment="of which reading an instance's findings are: while nothing differs, no rule is asked again",
    )


def _create_waiver() -> None:
    op.create_table(
        "waiver",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("rule_id", sa.Text(), nullable=False),
        sa.Column("instance_id", sa.BigInteger()),
        _commented("username", sa.Text(), "null: every account"),
        _commented("object", sa.Text(), "null: whatever it is about"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ticket", sa.Text()),
        sa.Column("created_at", MOMENT, nullable=False, server_default=sa.func.now()),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.Column("withdrawn_at", MOMENT),
        sa.Column("withdrawn_by", sa.Text()),
        sa.CheckConstraint("reason <> ''", name=op.f("waiver_reason_check")),
        sa.CheckConstraint("expires_at > created_at", name=op.f("waiver_expires_at_check")),
        sa.ForeignKeyConstraint(["instance_id"], ["instances.id"], name=op.f("waiver_instance_id_fkey")),
        sa.PrimaryKeyConstraint("id", name=op.f("waiver_pkey")),
        comment="findings that are accepted until a moment; instance null: on all instances",
    )
    op.create_index("waiver_rule", "waiver", ["rule_id"])


def _commented(name: str, kind: "sa.types.TypeEngine[Any]", comment: str, *, nullable: bool = True) -> "sa.Column[Any]":
    return sa.Column(name, kind, nullable=nullable, comment=comment)
