"""``python -m bench.bank_import``: how long an existing bank of 100,000 vials takes to come in."""

import argparse
import resource
import tempfile
import time
from datetime import UTC
from pathlib import Path

from batches.bank import Bank
from batches.bank_csv import Said
from batches.bank_import import import_bank
from batches.batch import Signed
from batches.ledger import Ledger
from storage.acts import verify_chain

VIALS_EACH, BATCHES_EACH, TANKS = 10, 10, 20
HEADING = "vial,patient,batch,passage,frozen,device,rack,box,slot,product"


def write(path: Path, vials: int) -> None:
    """A bank of ``vials`` in rows."""
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADING + "\n")
        for number in range(vials):
            batch = number // VIALS_EACH
            patient = batch // BATCHES_EACH
            id_ = f"B-2019-{batch:06}"
            file.write(
                f"{id_}-V{number % VIALS_EACH + 1:03},PT-{patient:010},{id_},2,"
                f"2019-05-{batch % 28 + 1:02}T10:00Z,ln2-{patient % TANKS},"
                f"{patient},{batch},{number % VIALS_EACH + 1},fibroblasts\n"
            )


def main() -> None:
    """Write a file, import it, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vials", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bank.csv"
        write(path, given.vials)
        devices = [f"ln2-{number}" for number in range(TANKS)]
        ledger = Ledger(f"sqlite:///{folder}/ledger.db", devices=devices)
        said = Said(zone=UTC, product="", devices=devices, now=ledger.clerk.now())
        act = Signed(by="bench")
        for dry in (True, False):
            began = time.perf_counter()
            done = import_bank(path, said, ledger=ledger, act=act, dry=dry)
            what = "checked" if dry else "checked and entered"
            print(f"{done.vials:,} vials {what} in {time.perf_counter() - began:.1f} s")
        began = time.perf_counter()
        Bank(ledger).patient(f"B-2019-{0:06}-V001")
        print(f"whose a vial is: {(time.perf_counter() - began) * 1000:.0f} ms")
        sound = verify_chain(ledger.url) is None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"chain verified: {sound}; peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
