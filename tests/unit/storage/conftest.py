"""A ledger in which something was entered, and one with a row in every table."""

from pathlib import Path

import pytest

from storage.acts import Act, append
from storage.chain import Scalar
from storage.database import Database, upgrade


@pytest.fixture
def url(ledger_url: str) -> str:
    """A ledger with a batch, two stays, and one correction."""
    upgrade(ledger_url)
    said: list[tuple[str, str | None, dict[str, Scalar] | None]] = [
        ("open", "batch", {"id": "B-1", "product": "p", "protocol": "q", "opened_at": 5}),
        ("place", "placement", _stay("inc1", 10)),
        ("leave", "departure", {"placement": 2, "end_at": 20}),
        ("place", "placement", _stay("inc2", 20)),
        ("close", None, None),
    ]
    with Database(ledger_url).writing() as connection:
        for kind, table, detail in said:
            entry = Act(kind=kind, subject="B-1", by="anna", at=10, entered=11, reason="routine")
            append(connection, entry, table, detail)
    return ledger_url


FURTHER: dict[str, dict[str, Scalar]] = {
    "protocol": {"name": "n", "version": "1", "digest": "aa", "content": "{}"},
    "checking": {"entry": 4},
    "patient": {"token": "PT-0A1B2C3D"},
    "biopsy": {"id": "BX-2026-0001", "taken_at": 5},
    "passage": {"batch": "B-1", "number": 1},
    "descent": {"child": "B-1", "parent": "BX-2026-0001", "since": 5},
    "vial": {"id": "B-1-V001", "batch": "B-1", "passage": 1, "frozen_at": 9},
    "person": {"id": "anna", "name": "A. N.", "roles": "operator", "active": 1},
    "credential": {"person": "anna", "digest": "ab", "scheme": "argon2id", "set_by_other": 0},
    "audit": {"area": "access", "item": "anna", "outcome": "wrong", "old": None, "new": None},
    "enrolment": {"handle": "PH-0A1B2C3D4E5F", "sealed": "AAAA"},
    "shipment": {
        "id": "SH-1",
        "origin": "here",
        "destination": "there",
        "carrier": "c",
        "shipper": "s",
    },
    "transit": {
        "shipment": "SH-1",
        "vial": "B-1-V001",
        "start_at": 10,
        "gave": "anna",
        "logger": "",
    },
    "arrival": {"transit": 18, "end_at": 12, "outcome": "lost", "state": "", "logger": ""},
    "consignment": {
        "shipment": "SH-2",
        "source": "there",
        "sha256": "ab",
        "head_sequence": 7,
        "head_hash": "cd",
        "content": "{}",
    },
    "carried": {
        "vial": "B-1-V001",
        "shipment": "SH-2",
        "until_at": 9,
        "above_150_ms": 1,
        "above_135_ms": 0,
        "unknown_ms": 2,
    },
    "intake": {
        "device": "inc1",
        "channel": "t",
        "quantity": "temperature",
        "file": "l.csv",
        "sha256": "ef",
        "readings": 3,
        "period_ms": 60_000,
        "start_at": 1,
        "end_at": 9,
    },
    "sensor": {"serial": "T-1", "model": "m", "maker": "k"},
    "installation": {
        "sensor": "T-1",
        "channel": "inc1.temperature",
        "quantity": "temperature",
        "start_at": 9,
        "end_at": None,
    },
    "certificate": {
        "sensor": "T-1",
        "quantity": "temperature",
        "calibrated_at": 8,
        "due_at": 90,
        "laboratory": "l",
        "number": "n",
        "file": "ab",
        "content": "{}",
    },
    "calibrating": {"sensor": "T-1", "start_at": 8, "until_at": 10, "end_at": None},
    "conclusion": {"entry": 4, "end_at": 12},
    "care": {"device": "inc1", "what": "clean", "agent": "a", "start_at": 8, "end_at": 9},
    "alarm_event": {
        "history": "aa",
        "number": 1,
        "entry": 7,
        "at": 9,
        "what": "set",
        "rule": "inc1-hot",
        "channel": "inc1.temperature",
        "occurrence": 1,
        "severity": "high",
        "value": "38.5",
        "done_by": "",
        "told": "",
        "why": "over limit",
        "held": "",
        "late": 0,
        "hash": "aa",
    },
    "anchor": {"chain": "alarms", "number": 1, "head": "aa"},
    "edition": {
        "record": "B-1/12",
        "subject": "B-1",
        "version": 1,
        "manifest": "ab",
        "content": "{}",
    },
    "signature": {"manifest": "ab", "step": "prepared", "content": "{}"},
}
ROWS = {"act": 3, "batch": 1, "placement": 4, "departure": 3} | {
    table: row for row, table in enumerate(FURTHER, start=6)
}
"""A row of each table of the full ledger."""


@pytest.fixture
def full(url: str) -> str:
    """The same ledger, with a row in every other table as well."""
    with Database(url).writing() as connection:
        for table, detail in FURTHER.items():
            entry = Act(kind=table, subject="B-1", by="ben", at=12, entered=12, reason="")
            append(connection, entry, table, detail)
    return url


def _stay(device: str, start: int) -> dict[str, Scalar]:
    return {"batch": "B-1", "device": device, "position": "a", "start_at": start, "end_at": None}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "backups"
