"""The chain of identity: patients' tokens, biopsies, passages, descent and cryo vials."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.tables import LONG, append_only, sequence

revision = "r0003"
down_revision = "r0002"

TABLES = ("patient", "biopsy", "passage", "descent", "vial")
CULTURE = """
CREATE VIEW culture AS
SELECT b.sequence, b.id, b.product, b.protocol, b.opened_at,
       o.done_by AS opened_by, o.reason,
       z.done_at AS closed_at, z.done_by AS closed_by, z.reason AS closed_why,
       z.sequence AS closure
FROM batch b
JOIN act o ON o.subject = b.id AND o.kind = 'open'
LEFT JOIN act z ON z.subject = b.id AND z.kind IN ('close', 'dispose')
     AND NOT EXISTS (SELECT 1 FROM act w WHERE w.corrects = z.sequence)
WHERE NOT EXISTS (SELECT 1 FROM act c WHERE c.corrects = b.sequence)
"""
ALIQUOT = """
CREATE VIEW aliquot AS
SELECT v.sequence, v.id, v.batch, v.passage, v.frozen_at, o.done_by AS frozen_by, o.reason,
       z.done_at AS ended_at, z.done_by AS ended_by, z.kind AS ended_how, z.reason AS ended_why,
       z.sequence AS ending
FROM vial v
JOIN act o ON o.sequence = v.sequence
LEFT JOIN act z ON z.subject = v.id AND z.kind IN ('thaw', 'dispose')
     AND NOT EXISTS (SELECT 1 FROM act w WHERE w.corrects = z.sequence)
WHERE NOT EXISTS (SELECT 1 FROM act c WHERE c.corrects = v.sequence)
"""
KINSHIP = """
CREATE VIEW kinship AS
SELECT d.sequence, d.child, d.parent, d.since, a.kind, a.done_by, a.reason
FROM descent d
JOIN act a ON a.sequence = d.sequence
WHERE NOT EXISTS (SELECT 1 FROM act c WHERE c.corrects = d.sequence)
"""


def upgrade() -> None:
    _tables()
    op.execute("DROP VIEW culture")
    for view in (CULTURE, ALIQUOT, KINSHIP):
        op.execute(view)
    for table in TABLES:
        append_only(table)


def _tables() -> None:
    op.create_table("patient", sequence(), sa.Column("token", sa.String, nullable=False))
    op.create_index("patient_token", "patient", ["token"])
    op.create_table(
        "biopsy",
        sequence(),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("taken_at", LONG, nullable=False),
    )
    op.create_index("biopsy_id", "biopsy", ["id"])
    op.create_table(
        "passage",
        sequence(),
        sa.Column("batch", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
    )
    op.create_index("passage_batch", "passage", ["batch"])
    op.create_table(
        "descent",
        sequence(),
        sa.Column("child", sa.String, nullable=False),
        sa.Column("parent", sa.String, nullable=False),
        sa.Column("since", LONG, nullable=False),
    )
    op.create_index("descent_child", "descent", ["child"])
    op.create_index("descent_parent", "descent", ["parent"])
    op.create_table(
        "vial",
        sequence(),
        sa.Column("id", sa.String, nullable=False),
        sa.Column("batch", sa.String, nullable=False),
        sa.Column("passage", sa.Integer, nullable=False),
        sa.Column("frozen_at", LONG, nullable=False),
    )
    op.create_index("vial_id", "vial", ["id"])
    op.create_index("vial_batch", "vial", ["batch"])
