"""The ledger's tables, as they are after every migration; ``storage.views`` has its views.

``act`` is the spine: who did what, when it was done, when it was entered, why, and the hash
chain. What an act says beyond that stands in one row of a table of its own, under the same
``sequence``. Times are epoch milliseconds, UTC.

``alarm_event`` follows the alarm history: ``history`` is the hash of that history's first row,
``number`` the row, ``entry`` the journal's entry behind it, ``value`` a decimal number in stored
units. ``anchor`` notes the heads of other chains.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, MetaData, String, Table

LONG = BigInteger().with_variant(Integer(), "sqlite")
metadata = MetaData()


def _sequence() -> Column[int]:
    """Which act a row of detail belongs to."""
    return Column(
        "sequence", LONG, ForeignKey("act.sequence"), primary_key=True, autoincrement=False
    )


act = Table(
    "act",
    metadata,
    Column("sequence", LONG, primary_key=True, autoincrement=False),
    Column("kind", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("done_by", String, nullable=False),
    Column("done_at", LONG, nullable=False),
    Column("entered_at", LONG, nullable=False),
    Column("reason", String, nullable=False),
    Column("corrects", LONG, ForeignKey("act.sequence")),
    Column("detail", String),
    Column("body", String, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    Index("act_subject", "subject"),
    Index("act_corrects", "corrects"),
)
batch = Table(
    "batch",
    metadata,
    _sequence(),
    Column("id", String, nullable=False),
    Column("product", String, nullable=False),
    Column("protocol", String, nullable=False),
    Column("opened_at", LONG, nullable=False),
    Index("batch_id", "id"),
)
placement = Table(
    "placement",
    metadata,
    _sequence(),
    Column("batch", String, nullable=False),
    Column("device", String, nullable=False),
    Column("position", String, nullable=False),
    Column("start_at", LONG, nullable=False),
    Column("end_at", LONG),
    Index("placement_batch", "batch"),
    Index("placement_device", "device", "start_at"),
)
departure = Table(
    "departure",
    metadata,
    _sequence(),
    Column("placement", LONG, ForeignKey("placement.sequence"), nullable=False),
    Column("end_at", LONG, nullable=False),
    Index("departure_placement", "placement"),
)
protocol = Table(
    "protocol",
    metadata,
    _sequence(),
    Column("name", String, nullable=False),
    Column("version", String, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("content", String, nullable=False),
    Index("protocol_name", "name", "version"),
)
checking = Table(
    "checking",
    metadata,
    _sequence(),
    Column("entry", LONG, ForeignKey("act.sequence"), nullable=False),
    Index("checking_entry", "entry"),
)
patient = Table(
    "patient",
    metadata,
    _sequence(),
    Column("token", String, nullable=False),
    Index("patient_token", "token"),
)
biopsy = Table(
    "biopsy",
    metadata,
    _sequence(),
    Column("id", String, nullable=False),
    Column("taken_at", LONG, nullable=False),
    Index("biopsy_id", "id"),
)
passage = Table(
    "passage",
    metadata,
    _sequence(),
    Column("batch", String, nullable=False),
    Column("number", Integer, nullable=False),
    Index("passage_batch", "batch"),
)
descent = Table(
    "descent",
    metadata,
    _sequence(),
    Column("child", String, nullable=False),
    Column("parent", String, nullable=False),
    Column("since", LONG, nullable=False),
    Index("descent_child", "child"),
    Index("descent_parent", "parent"),
)
vial = Table(
    "vial",
    metadata,
    _sequence(),
    Column("id", String, nullable=False),
    Column("batch", String, nullable=False),
    Column("passage", Integer, nullable=False),
    Column("frozen_at", LONG, nullable=False),
    Index("vial_id", "id"),
    Index("vial_batch", "batch"),
)
person = Table(
    "person",
    metadata,
    _sequence(),
    Column("id", String, nullable=False),
    Column("name", String, nullable=False),
    Column("roles", String, nullable=False),
    Column("active", Integer, nullable=False),
    Index("person_id", "id"),
)
credential = Table(
    "credential",
    metadata,
    _sequence(),
    Column("person", String, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("scheme", String, nullable=False),
    Column("set_by_other", Integer, nullable=False),
    Index("credential_person", "person"),
)
audit = Table(
    "audit",
    metadata,
    _sequence(),
    Column("area", String, nullable=False),
    Column("item", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("old", String),
    Column("new", String),
)
enrolment = Table(
    "enrolment",
    metadata,
    _sequence(),
    Column("handle", String, nullable=False),
    Column("sealed", String, nullable=False),
    Index("enrolment_handle", "handle"),
)
shipment = Table(
    "shipment",
    metadata,
    _sequence(),
    Column("id", String, nullable=False),
    Column("origin", String, nullable=False),
    Column("destination", String, nullable=False),
    Column("carrier", String, nullable=False),
    Column("shipper", String, nullable=False),
    Index("shipment_id", "id"),
)
transit = Table(
    "transit",
    metadata,
    _sequence(),
    Column("shipment", String, nullable=False),
    Column("vial", String, nullable=False),
    Column("start_at", LONG, nullable=False),
    Column("gave", String, nullable=False),
    Column("logger", String, nullable=False),
    Index("transit_vial", "vial"),
    Index("transit_shipment", "shipment"),
)
arrival = Table(
    "arrival",
    metadata,
    _sequence(),
    Column("transit", LONG, ForeignKey("transit.sequence"), nullable=False),
    Column("end_at", LONG, nullable=False),
    Column("outcome", String, nullable=False),
    Column("state", String, nullable=False),
    Column("logger", String, nullable=False),
    Index("arrival_transit", "transit"),
)
consignment = Table(
    "consignment",
    metadata,
    _sequence(),
    Column("shipment", String, nullable=False),
    Column("source", String, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("head_sequence", LONG, nullable=False),
    Column("head_hash", String(64), nullable=False),
    Column("content", String, nullable=False),
    Index("consignment_shipment", "shipment"),
)
carried = Table(
    "carried",
    metadata,
    _sequence(),
    Column("vial", String, nullable=False),
    Column("shipment", String, nullable=False),
    Column("until_at", LONG, nullable=False),
    Column("above_150_ms", LONG, nullable=False),
    Column("above_135_ms", LONG, nullable=False),
    Column("unknown_ms", LONG, nullable=False),
    Index("carried_vial", "vial"),
)
intake = Table(
    "intake",
    metadata,
    _sequence(),
    Column("device", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("quantity", String, nullable=False),
    Column("file", String, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("readings", LONG, nullable=False),
    Column("period_ms", LONG, nullable=False),
    Column("start_at", LONG, nullable=False),
    Column("end_at", LONG, nullable=False),
    Index("intake_device", "device"),
)
sensor = Table(
    "sensor",
    metadata,
    _sequence(),
    Column("serial", String, nullable=False),
    Column("model", String, nullable=False),
    Column("maker", String, nullable=False),
    Index("sensor_serial", "serial"),
)
installation = Table(
    "installation",
    metadata,
    _sequence(),
    Column("sensor", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("quantity", String, nullable=False),
    Column("start_at", LONG, nullable=False),
    Column("end_at", LONG),
    Index("installation_sensor", "sensor"),
    Index("installation_channel", "channel", "start_at"),
)
certificate = Table(
    "certificate",
    metadata,
    _sequence(),
    Column("sensor", String, nullable=False),
    Column("quantity", String, nullable=False),
    Column("calibrated_at", LONG, nullable=False),
    Column("due_at", LONG, nullable=False),
    Column("laboratory", String, nullable=False),
    Column("number", String, nullable=False),
    Column("file", String(64)),
    Column("content", String, nullable=False),
    Index("certificate_sensor", "sensor", "calibrated_at"),
)
calibrating = Table(
    "calibrating",
    metadata,
    _sequence(),
    Column("sensor", String, nullable=False),
    Column("start_at", LONG, nullable=False),
    Column("until_at", LONG, nullable=False),
    Column("end_at", LONG),
    Index("calibrating_sensor", "sensor"),
)
conclusion = Table(
    "conclusion",
    metadata,
    _sequence(),
    Column("entry", LONG, ForeignKey("act.sequence"), nullable=False),
    Column("end_at", LONG, nullable=False),
    Index("conclusion_entry", "entry"),
)
care = Table(
    "care",
    metadata,
    _sequence(),
    Column("device", String, nullable=False),
    Column("what", String, nullable=False),
    Column("agent", String, nullable=False),
    Column("start_at", LONG, nullable=False),
    Column("end_at", LONG),
    Index("care_device", "device", "start_at"),
)
alarm_event = Table(
    "alarm_event",
    metadata,
    _sequence(),
    Column("history", String(64), nullable=False),
    Column("number", LONG, nullable=False),
    Column("entry", LONG, nullable=False),
    Column("at", LONG, nullable=False),
    Column("what", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("channel", String, nullable=False),
    Column("occurrence", LONG),
    Column("severity", String, nullable=False),
    Column("value", String),
    Column("done_by", String, nullable=False),
    Column("told", String, nullable=False),
    Column("why", String, nullable=False),
    Column("held", String, nullable=False),
    Column("late", Integer, nullable=False),
    Column("hash", String(64), nullable=False),
    Index("alarm_event_number", "history", "number", unique=True),
    Index("alarm_event_at", "at"),
    Index("alarm_event_rule", "rule", "occurrence"),
)
anchor = Table(
    "anchor",
    metadata,
    _sequence(),
    Column("chain", String, nullable=False),
    Column("number", LONG, nullable=False),
    Column("head", String(64)),
    Index("anchor_chain", "chain"),
)
edition = Table(
    "edition",
    metadata,
    _sequence(),
    Column("record", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("manifest", String(64), nullable=False),
    Column("content", String, nullable=False),
    Index("edition_version", "subject", "version", unique=True),
    Index("edition_manifest", "manifest", unique=True),
)
signature = Table(
    "signature",
    metadata,
    _sequence(),
    Column("manifest", String(64), nullable=False),
    Column("step", String, nullable=False),
    Column("content", String, nullable=False),
    Index("signature_step", "manifest", "step", unique=True),
)
DETAILS = {
    table.name: table
    for table in (
        *(batch, placement, departure, protocol, checking),
        *(patient, biopsy, passage, descent, vial),
        *(person, credential, audit),
        *(enrolment, shipment, transit, arrival, consignment, carried, intake),
        *(sensor, installation, certificate, calibrating, conclusion, care),
        *(alarm_event, anchor),
        *(edition, signature),
    )
}
"""The tables an act may have its further row in."""
