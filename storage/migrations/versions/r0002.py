"""Protocols by version, and second persons' checks of an entry."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.tables import LONG, append_only, sequence

revision = "r0002"
down_revision = "r0001"

STAY = """
CREATE VIEW stay AS
SELECT p.sequence, p.batch, p.device, p.position, p.start_at,
       COALESCE(d.end_at, p.end_at) AS end_at,
       a.done_by, a.entered_at, a.reason, a.corrects, d.sequence AS departure,
       (SELECT MIN(ca.done_by) FROM checking ch JOIN act ca ON ca.sequence = ch.sequence
        WHERE ch.entry = p.sequence
              AND NOT EXISTS (SELECT 1 FROM act cw WHERE cw.corrects = ch.sequence)) AS checked_by
FROM placement p
JOIN act a ON a.sequence = p.sequence
LEFT JOIN departure d ON d.placement = p.sequence
     AND NOT EXISTS (SELECT 1 FROM act w WHERE w.corrects = d.sequence)
WHERE NOT EXISTS (SELECT 1 FROM act c WHERE c.corrects = p.sequence)
"""


def upgrade() -> None:
    op.create_table(
        "protocol",
        sequence(),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("version", sa.String, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("content", sa.String, nullable=False),
    )
    op.create_index("protocol_name", "protocol", ["name", "version"])
    op.create_table(
        "checking",
        sequence(),
        sa.Column("entry", LONG, sa.ForeignKey("act.sequence"), nullable=False),
    )
    op.create_index("checking_entry", "checking", ["entry"])
    op.execute("DROP VIEW stay")
    op.execute(STAY)
    for table in ("protocol", "checking"):
        append_only(table)
