"""The ledger's tables and views, as they are after every migration.

``act`` is the spine: who did what, when it was done, when it was entered, why, and the hash
chain. What an act says beyond that stands in one row of a table of its own, under the same
``sequence``. Times are epoch milliseconds, UTC. ``stay``, ``culture``, ``aliquot`` (vials) and
``kinship`` are views: what holds once corrections and withdrawals are taken into account.

``alarm_event`` follows the alarm history: ``history`` is the hash of that history's first row,
``number`` the row, ``entry`` the journal's entry behind it, ``value`` a decimal number in stored
units. ``anchor`` notes the heads of other chains.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, MetaData, String, Table

LONG = BigInteger().with_variant(Integer(), "sqlite")
metadata = MetaData()
views = MetaData()

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
    Column("sequence", LONG, ForeignKey("act.sequence"), primary_key=True, autoincrement=False),
    Column("id", String, nullable=False),
    Column("product", String, nullable=False),
    Column("protocol", String, nullable=False),
    Column("opened_at", LONG, nullable=False),
    Index("batch_id", "id"),
)
placement = Table(
    "placement",
    metadata,
    Column("sequence", LONG, ForeignKey("act.sequence"), primary_key=True, autoincrement=False),
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
    Column("sequence", LONG, ForeignKey("act.sequence"), primary_key=True, autoincrement=False),
    Column("placement", LONG, ForeignKey("placement.sequence"), nullable=False),
    Column("end_at", LONG, nullable=False),
    Index("departure_placement", "placement"),
)
protocol = Table(
    "protocol",
    metadata,
    Column("sequence", LONG, ForeignKey("act.sequence"), primary_key=True, autoincrement=False),
    Column("name", String, nullable=False),
    Column("version", String, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("content", String, nullable=False),
    Index("protocol_name", "name", "version"),
)
checking = Table(
    "checking",
    metadata,
    Column("sequence", LONG, ForeignKey("act.sequence"), primary_key=True, autoincrement=False),
    Column("entry", LONG, ForeignKey("act.sequence"), nullable=False),
    Index("checking_entry", "entry"),
)
patient = Table(
    "patient",
    metadata,
    Column("sequence", LONG, ForeignKey("act.sequence"), primary_key=True, autoincrement=False),
    Column("token", String, nullable=False),
    Index("patient_token", "token"),
)
biopsy = Table(
    "biopsy",
    metadata,
    Column("sequence", LONG, ForeignKey("act.sequence"), primary_key=True, autoincrement=False),
    Column("id", String, nullable=False),
    Column("taken_at", LONG, nullable=False),
    Index("biopsy_id", "id"),
)
passage = Table(
    "passage",
    metadata,
    Column("sequence", LONG, ForeignKey("act.sequence"), primary_key=True, autoincrement=False),
    Column("batch", String, nullable=False),
    Column("number", Integer, nullable=False),
    Index("passage_batch", "batch"),
)
descent = Table(
    "descent",
    metadata,
    Column("sequence", LONG, ForeignKey("act.sequence"), primary_key=True, autoincrement=False),
    Column("child", String, nullable=False),
    Column("parent", String, nullable=False),
    Column("since", LONG, nullable=False),
    Index("descent_child", "child"),
    Index("descent_parent", "parent"),
)
vial = Table(
    "vial",
    metadata,
    Column("sequence", LONG, ForeignKey("act.sequence"), primary_key=True, autoincrement=False),
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
    Column("sequence", LONG, ForeignKey("act.sequence"), primary_key=True, autoincrement=False),
    Column("id", String, nullable=False),
    Column("name", String, nullable=False),
    Column("roles", String, nullable=False),
    Column("active", Integer, nullable=False),
    Index("person_id", "id"),
)
credential = Table(
    "credential",
    metadata,
    Column("sequence", LONG, ForeignKey("act.sequence"), primary_key=True, autoincrement=False),
    Column("person", String, nullable=False),
    Column("digest", String(64), nullable=False),
    Column("scheme", String, nullable=False),
    Column("set_by_other", Integer, nullable=False),
    Index("credential_person", "person"),
)
audit = Table(
    "audit",
    metadata,
    Column("sequence", LONG, ForeignKey("act.sequence"), primary_key=True, autoincrement=False),
    Column("area", String, nullable=False),
    Column("item", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("old", String),
    Column("new", String),
)
alarm_event = Table(
    "alarm_event",
    metadata,
    Column("sequence", LONG, ForeignKey("act.sequence"), primary_key=True, autoincrement=False),
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
    Column("sequence", LONG, ForeignKey("act.sequence"), primary_key=True, autoincrement=False),
    Column("chain", String, nullable=False),
    Column("number", LONG, nullable=False),
    Column("head", String(64)),
    Index("anchor_chain", "chain"),
)
DETAILS = {
    table.name: table
    for table in (
        *(batch, placement, departure, protocol, checking),
        *(patient, biopsy, passage, descent, vial),
        *(person, credential, audit),
        *(alarm_event, anchor),
    )
}
"""The tables an act may have its further row in."""

stay = Table(
    "stay",
    views,
    Column("sequence", LONG),
    Column("batch", String),
    Column("device", String),
    Column("position", String),
    Column("start_at", LONG),
    Column("end_at", LONG),
    Column("done_by", String),
    Column("entered_at", LONG),
    Column("reason", String),
    Column("corrects", LONG),
    Column("departure", LONG),
    Column("checked_by", String),
)
culture = Table(
    "culture",
    views,
    Column("sequence", LONG),
    Column("id", String),
    Column("product", String),
    Column("protocol", String),
    Column("opened_at", LONG),
    Column("opened_by", String),
    Column("reason", String),
    Column("closed_at", LONG),
    Column("closed_by", String),
    Column("closed_why", String),
    Column("closure", LONG),
)
aliquot = Table(
    "aliquot",
    views,
    Column("sequence", LONG),
    Column("id", String),
    Column("batch", String),
    Column("passage", Integer),
    Column("frozen_at", LONG),
    Column("frozen_by", String),
    Column("reason", String),
    Column("ended_at", LONG),
    Column("ended_by", String),
    Column("ended_how", String),
    Column("ended_why", String),
    Column("ending", LONG),
)
kinship = Table(
    "kinship",
    views,
    Column("sequence", LONG),
    Column("child", String),
    Column("parent", String),
    Column("since", LONG),
    Column("kind", String),
    Column("done_by", String),
    Column("reason", String),
)
