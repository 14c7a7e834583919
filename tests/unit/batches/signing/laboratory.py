"""A laboratory whose people sign its records."""

import json
from functools import partial
from pathlib import Path

import msgspec
import pytest

from alerts.reader import AlarmReader
from batches.export import verify_record as program
from batches.export.folder import make_record
from batches.ledger import Ledger
from batches.person import Person, Role
from batches.record import Made
from batches.signature import Signature, Step
from batches.signing import Signatory, Wish
from culturewatch.make_record import Versions
from tests.unit.batches.conftest import HOUR, MONDAY, B, Clock, alarmed, day, live, site
from tests.unit.batches.staff import enlist

KEY = b"k" * 48
STAFF = {
    "admin": ("admin",),
    "anna": ("operator",),
    "ben": ("operator",),
    "carl": ("operator",),
    "sue": ("supervisor",),
    "quin": ("qa",),
    "quentin": ("qa",),
}


STEPS = list(Step)


class Laboratory:
    """A folder with data and the records made of it."""

    def __init__(self, base: Path, served: str = "") -> None:
        """``served``: the address of the ledger, where that is not in the folder."""
        self.base = base
        self.served = served
        self.clock = Clock()
        self.clock.at(10)
        url = served or f"sqlite:///{base}/data/ledger.db"
        keys = base / "data" / "secrets" / "patients"
        self.ledger = Ledger(url, now=self.clock, keys=keys)
        self.record = base / "record"
        self.signatory = Signatory(self.ledger, KEY, "Europe/Zurich")

    def person(self, name: str) -> Person:
        return Person(
            row=1, id=name, name=name.title(), roles=tuple(map(Role, STAFF[name])), active=True
        )

    def wish(self, step: Step, name: str, **other: object) -> Wish:
        why = {} if step is not Step.APPROVED else dict.fromkeys(range(1, self.items + 1), "judged")
        return msgspec.structs.replace(Wish(step=step, person=self.person(name), why=why), **other)

    @property
    def items(self) -> int:
        return len(json.loads((self.record / "record.json").read_bytes())["open_items"])

    def sign(self, step: Step, name: str, **other: object) -> Signature:
        return self.signatory.sign(self.record, self.wish(step, name, **other))

    def sign_all(self) -> list[Signature]:
        people = ("anna", "sue", "quin")
        return [self.sign(step, name) for step, name in zip(STEPS, people, strict=True)]

    def make(self, out: Path, hours: float) -> Path:
        versions = Versions(self.ledger, B, "quin")
        out = versions.beside(out)
        with AlarmReader(self.base / "data" / "alarms.db") as alarms:
            return make_record(
                B,
                out,
                ledger=self.ledger,
                readings=day(),
                alarms=alarms,
                setting=site(),
                made=Made(by="quin", at=MONDAY + round(hours * HOUR)),
                former=versions.former,
                keeping=partial(versions.keeping, out),
            )

    def kinds(self) -> list[str]:
        return [act.kind for act in self.ledger.acts(B)]


def furnish(lab: Laboratory) -> None:
    lab.clock.at(0)
    enlist(lab.ledger, STAFF)
    live(lab.ledger, lab.clock)
    alarmed(lab.base / "data" / "alarms.db").close()
    lab.clock.at(10)
    lab.make(lab.base / "record", 9)


def told_by_program(folder: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    code = program.main([str(folder)])
    return code, capsys.readouterr().out
