"""Sensors, where they were, their certificates and calibrations; what was done to equipment."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.tables import LONG, append_only, sequence

revision = "r0007"
down_revision = "r0006"

TABLES = ("sensor", "installation", "certificate", "calibrating", "conclusion", "care")


def upgrade() -> None:
    _sensors()
    _calibrations()
    for table in TABLES:
        append_only(table)


def _sensors() -> None:
    op.create_table(
        "sensor",
        sequence(),
        sa.Column("serial", sa.String, nullable=False),
        sa.Column("model", sa.String, nullable=False),
        sa.Column("maker", sa.String, nullable=False),
    )
    op.create_index("sensor_serial", "sensor", ["serial"])
    op.create_table(
        "installation",
        sequence(),
        sa.Column("sensor", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("quantity", sa.String, nullable=False),
        sa.Column("start_at", LONG, nullable=False),
        sa.Column("end_at", LONG),
    )
    op.create_index("installation_sensor", "installation", ["sensor"])
    op.create_index("installation_channel", "installation", ["channel", "start_at"])
    op.create_table(
        "care",
        sequence(),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("what", sa.String, nullable=False),
        sa.Column("agent", sa.String, nullable=False),
        sa.Column("start_at", LONG, nullable=False),
        sa.Column("end_at", LONG),
    )
    op.create_index("care_device", "care", ["device", "start_at"])


def _calibrations() -> None:
    op.create_table(
        "certificate",
        sequence(),
        sa.Column("sensor", sa.String, nullable=False),
        sa.Column("quantity", sa.String, nullable=False),
        sa.Column("calibrated_at", LONG, nullable=False),
        sa.Column("due_at", LONG, nullable=False),
        sa.Column("laboratory", sa.String, nullable=False),
        sa.Column("number", sa.String, nullable=False),
        sa.Column("file", sa.String(64)),
        sa.Column("content", sa.String, nullable=False),
    )
    op.create_index("certificate_sensor", "certificate", ["sensor", "calibrated_at"])
    op.create_table(
        "calibrating",
        sequence(),
        sa.Column("sensor", sa.String, nullable=False),
        sa.Column("start_at", LONG, nullable=False),
        sa.Column("until_at", LONG, nullable=False),
        sa.Column("end_at", LONG),
    )
    op.create_index("calibrating_sensor", "calibrating", ["sensor"])
    op.create_table(
        "conclusion",
        sequence(),
        sa.Column("entry", LONG, sa.ForeignKey("act.sequence"), nullable=False),
        sa.Column("end_at", LONG, nullable=False),
    )
    op.create_index("conclusion_entry", "conclusion", ["entry"])
