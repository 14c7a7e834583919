"""``python -m bench.genealogy``: how long questions to a bank of cells take.

A ledger of 10,000 batches of 1,000 patients and 100,000 vials in 20 tanks, hash-chained as it
would be had people entered it: of each patient one biopsy, ten batches that were split one from
another, and ten vials of each. The goal is a second for each question. It is filled into a file, or
with ``--url postgresql+psycopg://…`` into an empty database of a server.
"""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from batches.bank import Bank
from batches.batch import Signed
from batches.custody import Custody
from batches.ledger import Ledger
from batches.shipping import Shipping
from batches.vial import Place
from storage.acts import Act, Entry, append_all, verify_chain
from storage.chain import Scalar
from storage.database import Database

PATIENTS, BATCHES_EACH, VIALS_EACH, TANKS = 1_000, 10, 10, 20
START = 1_767_596_400_000
HOUR = 3_600_000
GOAL_S = 1.0


def token(patient: int) -> str:
    """The token of a patient."""
    return f"PT-{patient:010}"


def batch_id(patient: int, number: int) -> str:
    """The id of batch ``number`` of a patient."""
    return f"B-2026-{patient * BATCHES_EACH + number:06}"


def _entry(kind: str, subject: str, table: str, detail: dict[str, Scalar]) -> Entry:
    act = Act(kind=kind, subject=subject, by="import", at=START, entered=START, reason="import")
    return Entry(act, table, detail)


def entries(sealed: dict[str, tuple[str, str]]) -> Iterator[Entry]:
    """Everything that is entered; ``sealed`` are handle and sealed text of each token."""
    for patient in range(PATIENTS):
        (mine, text), biopsy = sealed[token(patient)], f"BX-2026-{patient:06}"
        yield _entry("enrol", mine, "enrolment", {"handle": mine, "sealed": text})
        yield _entry("biopsy", biopsy, "biopsy", {"id": biopsy, "taken_at": START})
        yield _descent("biopsy", biopsy, mine)
        parent = biopsy
        for number in range(BATCHES_EACH):
            batch = batch_id(patient, number)
            opened: dict[str, Scalar] = {
                "id": batch,
                "product": "fibroblasts",
                "protocol": "",
                "opened_at": START,
            }
            yield _entry("open", batch, "batch", opened)
            yield _descent("split" if number else "start", batch, parent)
            yield _entry("passage", batch, "passage", {"batch": batch, "number": number})
            yield from _vials(patient, batch)
            parent = batch


def _descent(kind: str, child: str, parent: str) -> Entry:
    return _entry(kind, child, "descent", {"child": child, "parent": parent, "since": START})


def _vials(patient: int, batch: str) -> Iterator[Entry]:
    for number in range(1, VIALS_EACH + 1):
        vial = f"{batch}-V{number:03}"
        frozen: dict[str, Scalar] = {
            "id": vial,
            "batch": batch,
            "passage": 1,
            "frozen_at": START,
        }
        yield _entry("freeze", vial, "vial", frozen)
        stored: dict[str, Scalar] = {
            "batch": vial,
            "device": f"ln2-{patient % TANKS}",
            "position": f"{patient}/{batch}/{number}",
            "start_at": START,
            "end_at": None,
        }
        yield _entry("place", vial, "placement", stored)


def timed(ask: Callable[[], int], runs: int) -> tuple[int, float]:
    """What it counts, and the slowest of ``runs`` in seconds."""
    slowest, count = 0.0, 0
    for _ in range(runs):
        began = time.perf_counter()
        count = ask()
        slowest = max(slowest, time.perf_counter() - began)
    return count, slowest


def moving(ledger: Ledger, bank: Bank) -> dict[str, float]:
    """How long it takes to send a whole tank to another place, and to take it in there."""
    now = START + 2 * HOUR
    tank = [stay.batch for stay in bank.vials_in("ln2-7", now, now + 1)]
    shipping, took = Shipping(ledger), {}
    began = time.perf_counter()
    sent = shipping.ship(
        tank, origin="a", to="b", carrier="c", shipper="d", act=Signed(by="operator-1", at=now - 2)
    )
    took[f"{len(tank):,} vials sent"] = time.perf_counter() - began
    places = {
        vial: Place(device="ln2-99", rack="1", box=str(number // 100), slot=str(number % 100))
        for number, vial in enumerate(tank)
    }
    began = time.perf_counter()
    shipping.receive(sent.id, places, state="frozen", act=Signed(by="operator-2", at=now - 1))
    took[f"{len(tank):,} vials taken in"] = time.perf_counter() - began
    return took


def main() -> None:
    """Fill a ledger, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--url", default="", help="an empty database, which stays filled")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        url = given.url or f"sqlite:///{folder}/ledger.db"
        ledger = Ledger(url, now=lambda: START + 2 * HOUR, keys=folder / "patients")
        measure(ledger, given.runs, as_json=given.json)


def measure(ledger: Ledger, runs: int, *, as_json: bool) -> None:
    """Fill ``ledger``, ask it, print."""
    if ledger.head().sequence:
        sys.exit("that database holds a ledger already; name an empty one")
    sealed = ledger.identities.enrol_all([token(each) for each in range(PATIENTS)])
    began = time.perf_counter()
    with Database(ledger.url).writing() as connection:
        append_all(connection, entries(sealed))
        if connection.dialect.name == "postgresql":
            # What a server does by itself within a minute after so much was entered.
            connection.exec_driver_sql("ANALYZE")
    filled = time.perf_counter() - began
    bank = Bank(ledger)
    first, last = token(7), f"{batch_id(7, BATCHES_EACH - 1)}-V{VIALS_EACH:03}"
    span = START + HOUR, START + 2 * HOUR
    questions: dict[str, Callable[[], int]] = {
        "patient to batches and vials": lambda: len(bank.descendants(first)),
        "vial to its patient": lambda: len(bank.ancestors(last)),
        "what a vial went through": lambda: len(bank.life(last)),
        "vials in a tank between two times": lambda: len(bank.vials_in("ln2-7", *span)),
        "what an alarm on a tank endangers": lambda: len(bank.endangered("ln2-7", *span).vials),
        "vials in each tank now, counted": lambda: sum(c.vials for c in bank.census().values()),
        "batches at risk in all devices": lambda: len(ledger.all_at_risk()),
        "who had a vial in hand": lambda: len(Custody(ledger).of(last)),
    }
    rows = {name: timed(ask, runs) for name, ask in questions.items()}
    moved = moving(ledger, bank)
    checking = time.perf_counter()
    broken = verify_chain(ledger.url)
    checked = time.perf_counter() - checking
    if as_json:
        print(json.dumps({name: seconds for name, (_, seconds) in rows.items()}))
        return
    print(f"{'question':36} {'answers':>8} {'slowest':>9}")
    for name, (count, seconds) in rows.items():
        print(
            f"{name:36} {count:8,} {seconds * 1000:6.0f} ms{'' if seconds < GOAL_S else '  OVER'}"
        )
    for what, seconds in moved.items():
        print(f"{what} in {seconds:.1f} s")
    acts = PATIENTS * (3 + BATCHES_EACH * (3 + 2 * VIALS_EACH))
    print(
        f"entered {acts:,} acts in {filled:.0f} s; chain verified in {checked:.0f} s: {not broken}"
    )


if __name__ == "__main__":
    main()
