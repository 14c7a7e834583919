"""Sealed tokens of patients, shipments of vials, what came with them, and imported readings."""

import sqlalchemy as sa
from alembic import op

from storage.migrations.tables import LONG, append_only, sequence

revision = "r0006"
down_revision = "r0005"

TABLES = ("enrolment", "shipment", "transit", "arrival", "consignment", "carried", "intake")
PSEUDONYM = """
CREATE VIEW pseudonym AS
SELECT e.handle,
       CASE WHEN EXISTS (SELECT 1 FROM act z WHERE z.subject = e.handle AND z.kind = 'erase')
            THEN NULL ELSE e.sealed END AS sealed
FROM enrolment e
UNION ALL
SELECT p.token AS handle, NULL AS sealed FROM patient p
"""
JOURNEY = """
CREATE VIEW journey AS
SELECT t.sequence, t.vial, t.shipment, t.start_at, r.end_at, r.outcome, r.state,
       COALESCE(NULLIF(r.logger, ''), t.logger) AS logger,
       t.gave, s.destination, s.carrier, s.shipper, a.done_by, a.entered_at, a.reason,
       ra.done_by AS took, r.sequence AS arrival
FROM transit t
JOIN act a ON a.sequence = t.sequence
JOIN shipment s ON s.id = t.shipment
LEFT JOIN arrival r ON r.transit = t.sequence
     AND NOT EXISTS (SELECT 1 FROM act w WHERE w.corrects = r.sequence)
LEFT JOIN act ra ON ra.sequence = r.sequence
WHERE NOT EXISTS (SELECT 1 FROM act c WHERE c.corrects = t.sequence)
"""
ALIQUOT = """
CREATE VIEW aliquot AS
SELECT v.sequence, v.id, v.batch, v.passage, v.frozen_at, o.done_by AS frozen_by, o.reason,
       z.done_at AS ended_at, z.done_by AS ended_by, z.kind AS ended_how, z.reason AS ended_why,
       z.sequence AS ending
FROM vial v
JOIN act o ON o.sequence = v.sequence
LEFT JOIN act z ON z.subject = v.id AND z.kind IN ('thaw', 'dispose', 'transfer', 'lose')
     AND NOT EXISTS (SELECT 1 FROM act w WHERE w.corrects = z.sequence)
WHERE NOT EXISTS (SELECT 1 FROM act c WHERE c.corrects = v.sequence)
"""


def upgrade() -> None:
    _patients()
    _shipments()
    _arrivals()
    _intake()
    op.execute("DROP VIEW aliquot")
    for view in (ALIQUOT, PSEUDONYM, JOURNEY):
        op.execute(view)
    for table in TABLES:
        append_only(table)


def _patients() -> None:
    # Tokens that "patient" holds already stay there: what is hashed cannot be rewritten.
    op.create_table("enrolment", sequence(), _text("handle"), _text("sealed"))
    op.create_index("enrolment_handle", "enrolment", ["handle"])


def _shipments() -> None:
    words = ("id", "origin", "destination", "carrier", "shipper")
    op.create_table("shipment", sequence(), *map(_text, words))
    op.create_index("shipment_id", "shipment", ["id"])
    op.create_table(
        "transit",
        sequence(),
        _text("shipment"),
        _text("vial"),
        _whole("start_at"),
        _text("gave"),
        _text("logger"),
    )
    op.create_index("transit_vial", "transit", ["vial"])
    op.create_index("transit_shipment", "transit", ["shipment"])
    op.create_table(
        "arrival",
        sequence(),
        sa.Column("transit", LONG, sa.ForeignKey("transit.sequence"), nullable=False),
        _whole("end_at"),
        _text("outcome"),
        _text("state"),
        _text("logger"),
    )
    op.create_index("arrival_transit", "arrival", ["transit"])


def _arrivals() -> None:
    op.create_table(
        "consignment",
        sequence(),
        *map(_text, ("shipment", "source")),
        sa.Column("sha256", sa.String(64), nullable=False),
        _whole("head_sequence"),
        sa.Column("head_hash", sa.String(64), nullable=False),
        _text("content"),
    )
    op.create_index("consignment_shipment", "consignment", ["shipment"])
    spans = ("until_at", "above_150_ms", "above_135_ms", "unknown_ms")
    op.create_table("carried", sequence(), _text("vial"), _text("shipment"), *map(_whole, spans))
    op.create_index("carried_vial", "carried", ["vial"])


def _intake() -> None:
    op.create_table(
        "intake",
        sequence(),
        *map(_text, ("device", "channel", "quantity", "file")),
        sa.Column("sha256", sa.String(64), nullable=False),
        *map(_whole, ("readings", "period_ms", "start_at", "end_at")),
    )
    op.create_index("intake_device", "intake", ["device"])


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String, nullable=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, LONG, nullable=False)
