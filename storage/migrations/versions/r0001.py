"""The first ledger: acts, batches, placements, departures; append-only, hash-chained."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.tables import LONG, append_only, sequence

revision = "r0001"
down_revision = None

TABLES = ("act", "batch", "placement", "departure")

STAY = """
CREATE VIEW stay AS
SELECT p.sequence, p.batch, p.device, p.position, p.start_at,
       COALESCE(d.end_at, p.end_at) AS end_at,
       a.done_by, a.entered_at, a.reason, a.corrects, d.sequence AS departure
FROM placement p
JOIN act a ON a.sequence = p.sequence
LEFT JOIN departure d ON d.placement = p.sequence
     AND NOT EXISTS (SELECT 1 FROM act w WHERE w.corrects = d.sequence)
WHERE NOT EXISTS (SELECT 1 FROM act c WHERE c.corrects = p.sequence)
"""
CULTURE = """
CREATE VIEW culture AS
SELECT b.sequence, b.id, b.product, b.protocol, b.opened_at,
       o.done_by AS opened_by, o.reason,
       z.done_at AS closed_at, z.done_by AS closed_by, z.reason AS closed_why,
       z.sequence AS closure
FROM batch b
JOIN act o ON o.subject = b.id AND o.kind = 'open'
LEFT JOIN act z ON z.subject = b.id AND z.kind = 'close'
     AND NOT EXISTS (SELECT 1 FROM act w WHERE w.corrects = z.sequence)
WHERE NOT EXISTS (SELECT 1 FROM act c WHERE c.corrects = b.sequence)
"""


def upgrade() -> None:
    _tables()
    op.execute(STAY)
    op.execute(CULTURE)
    for table in TABLES:
        append_only(table)


def _tables() -> None:
    op.create_table(
        "act",
        sa.Column("sequence", LONG, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("subject", sa.String, nullable=False),
        sa.Column("done_by", sa.String, nullable=False),
        sa.Column("done_at", LONG, nullable=False),
        sa.Column("entered_at", LONG, nullable=False),
        sa.Column("reason", sa.String, nullable=False),
        sa.Column("corrects", LONG, sa.ForeignKey("act.sequence")),
        sa.Column("detail", sa.String),
        sa.Column("body", sa.String, nullable=False),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_index("act_subject", "act", ["subject"])
    op.create_index("act_corrects", "act", ["corrects"])
    op.create_table(
        "batch",
        sequence(),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("product", sa.String, nullable=False),
        sa.Column("protocol", sa.String, nullable=False),
        sa.Column("opened_at", LONG, nullable=False),
    )
    op.create_index("batch_id", "batch", ["id"])
    op.create_table(
        "placement",
        sequence(),
        sa.Column("batch", sa.String, nullable=False),
        sa.Column("device", sa.String, nullable=False),
        sa.Column("position", sa.String, nullable=False),
        sa.Column("start_at", LONG, nullable=False),
        sa.Column("end_at", LONG),
    )
    op.create_index("placement_batch", "placement", ["batch"])
    op.create_index("placement_device", "placement", ["device", "start_at"])
    op.create_table(
        "departure",
        sequence(),
        sa.Column("placement", LONG, sa.ForeignKey("placement.sequence"), nullable=False),
        sa.Column("end_at", LONG, nullable=False),
    )
    op.create_index("departure_placement", "departure", ["placement"])
