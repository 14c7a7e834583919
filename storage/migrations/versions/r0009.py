"""A vial that was given to another site may come back: its life here goes on."""

from alembic import op

revision = "r0009"
down_revision = "r0008"

ALIQUOT = """
SELECT v.sequence, v.id, v.batch, v.passage, v.frozen_at, o.done_by AS frozen_by, o.reason,
       z.done_at AS ended_at, z.done_by AS ended_by, z.kind AS ended_how, z.reason AS ended_why,
       z.sequence AS ending
FROM vial v
JOIN act o ON o.sequence = v.sequence
LEFT JOIN act z ON z.subject = v.id AND z.kind IN ('thaw', 'dispose', 'transfer', 'lose')
     AND NOT EXISTS (SELECT 1 FROM act w WHERE w.corrects = z.sequence)
     AND NOT EXISTS (SELECT 1 FROM act b WHERE b.subject = v.id AND b.kind = 'return'
                     AND b.sequence > z.sequence)
WHERE NOT EXISTS (SELECT 1 FROM act c WHERE c.corrects = v.sequence)
"""


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP VIEW aliquot")
        op.execute(f"CREATE VIEW aliquot AS {ALIQUOT}")
    else:
        # In its place: whoever may read it may go on.
        op.execute(f"CREATE OR REPLACE VIEW aliquot AS {ALIQUOT}")
