"""The alarm history as the ledger follows it, and the heads of other chains, noted daily."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.tables import LONG, append_only, sequence

revision = "r0005"
down_revision = "r0004"


def upgrade() -> None:
    op.create_table(
        "alarm_event",
        sequence(),
        sa.Column("history", sa.String(64), nullable=False),
        sa.Column("number", LONG, nullable=False),
        sa.Column("entry", LONG, nullable=False),
        sa.Column("at", LONG, nullable=False),
        sa.Column("what", sa.String, nullable=False),
        sa.Column("rule", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("occurrence", LONG),
        sa.Column("severity", sa.String, nullable=False),
        sa.Column("value", sa.String),
        sa.Column("done_by", sa.String, nullable=False),
        sa.Column("told", sa.String, nullable=False),
        sa.Column("why", sa.String, nullable=False),
        sa.Column("held", sa.String, nullable=False),
        sa.Column("late", sa.Integer, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("alarm_event_number", "alarm_event", ["history", "number"], unique=True)
    op.create_index("alarm_event_at", "alarm_event", ["at"])
    op.create_index("alarm_event_rule", "alarm_event", ["rule", "occurrence"])
    op.create_table(
        "anchor",
        sequence(),
        sa.Column("chain", sa.String, nullable=False),
        sa.Column("number", LONG, nullable=False),
        sa.Column("head", sa.String(64)),
    )
    op.create_index("anchor_chain", "anchor", ["chain"])
    for table in ("alarm_event", "anchor"):
        append_only(table)
