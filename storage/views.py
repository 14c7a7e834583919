"""The ledger's views, as they are after every migration: what holds once corrections count.

``culture`` has the batches, ``aliquot`` the vials, ``journey`` a vial's way between two places.
Times are epoch milliseconds, UTC.
"""

from sqlalchemy import Column, Integer, MetaData, String, Table

from storage.schema import LONG

metadata = MetaData()

stay = Table(
    "stay",
    metadata,
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
    metadata,
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
    metadata,
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
    metadata,
    Column("sequence", LONG),
    Column("child", String),
    Column("parent", String),
    Column("since", LONG),
    Column("kind", String),
    Column("done_by", String),
    Column("reason", String),
)
pseudonym = Table("pseudonym", metadata, Column("handle", String), Column("sealed", String))
journey = Table(
    "journey",
    metadata,
    Column("sequence", LONG),
    Column("vial", String),
    Column("shipment", String),
    Column("start_at", LONG),
    Column("end_at", LONG),
    Column("outcome", String),
    Column("state", String),
    Column("logger", String),
    Column("gave", String),
    Column("destination", String),
    Column("carrier", String),
    Column("shipper", String),
    Column("done_by", String),
    Column("entered_at", LONG),
    Column("reason", String),
    Column("took", String),
    Column("arrival", LONG),
)
