"""Enters an existing bank into the ledger: all of a file or nothing, checked before."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec
from sqlalchemy import Connection, select

from batches import kinship, patients, shipping, standing
from batches.bank_csv import BankFileError, BankRow, Mistake, Said, among_themselves, read
from batches.batch import Batch, Signed
from batches.ledger import Ledger
from storage import schema
from storage.acts import Act, Entry, append_all
from storage.chain import Scalar


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What a file brings; with ``kept`` it is in the ledger."""

    vials: int
    batches: int
    patients: int
    kept: bool


def import_bank(path: Path, said: Said, *, ledger: Ledger, act: Signed, dry: bool) -> Imported:
    """Enter the bank in the file at ``path``; ``dry`` only looks whether that can be done.

    Batches that the ledger does not know begin with their first vial, unless the file says when,
    and end with their last one.

    Raises:
        BankFileError: the file holds mistakes, or contradicts the ledger.
        Refused: who does it, or why, cannot be kept.
        batches.identities.IdentityError: the patients' keys cannot be kept.
        storage.database.DatabaseError: the ledger cannot be used.
        OSError: the file cannot be read.
    """
    act = ledger.clerk.dated(act)
    rows, mistakes = read(path, said)
    mistakes += among_themselves(rows)
    with ledger.database.writing() as connection:
        known = _Known(connection, ledger, rows)
        mistakes += known.mistakes()
        if mistakes:
            raise BankFileError(path, sorted(mistakes, key=lambda each: each.row))
        done = Imported(
            vials=len(rows),
            batches=len(known.new_batches),
            patients=len(known.new_patients),
            kept=not dry,
        )
        if not dry:
            append_all(connection, _Entries(path, ledger, known, act).all())
    return done


class _Known:
    """What the ledger has of what the file speaks of."""

    def __init__(self, connection: Connection, ledger: Ledger, rows: list[BankRow]) -> None:
        self._connection = connection
        self._now = ledger.clerk.now()
        self.rows = rows
        tokens = sorted({row.patient for row in rows})
        found = {each: patients.find(connection, ledger.identities, each) for each in tokens}
        self.handles = {token: handle for token, handle in found.items() if handle is not None}
        self.new_patients = [token for token in tokens if found[token] is None]
        self.batches = self._batches({row.batch for row in rows})
        self.biopsies = self._biopsies({row.biopsy for row in rows} - {""})
        self.owners = kinship.patients(connection, [*self.batches, *self.biopsies])
        self.new_batches: dict[str, list[BankRow]] = {}
        for row in rows:
            if row.batch not in self.batches:
                self.new_batches.setdefault(row.batch, []).append(row)

    def mistakes(self) -> Iterator[Mistake]:
        """Where the file contradicts the ledger."""
        vials = {row.vial: row for row in self.rows}
        column = schema.vial.c
        for some in kinship.chunks(vials):
            there = select(column.id, column.sequence).where(column.id.in_(some))
            for id_, sequence in self._connection.execute(there):
                yield _wrong(vials[id_], "vial", f"{id_} exists already (row {sequence})")
        yield from self._taken_slots()
        for row in self.rows:
            yield from self._against(row)

    def _taken_slots(self) -> Iterator[Mistake]:
        places = {(row.place.device, row.place.position): row for row in self.rows}
        since = {row.line: self._now if row.stored is None else row.stored for row in self.rows}
        devices = {device for device, _ in places}
        earliest = min(since.values(), default=self._now)
        for stay in shipping.occupied(self._connection, devices, earliest):
            row = places.get((stay.device, stay.position))
            if row is not None and (stay.end is None or stay.end > since[row.line]):
                what = f"{stay.device} {stay.position} holds {stay.batch} (row {stay.row})"
                yield _wrong(row, "slot", what)

    def _against(self, row: BankRow) -> Iterator[Mistake]:
        mine = {self.handles[row.patient]} if row.patient in self.handles else set()
        batch = self.batches.get(row.batch)
        if batch is not None:
            if self.owners[row.batch] != mine:
                yield _wrong(row, "patient", f"{row.batch} is of another patient, or of none")
            if not batch.opened_at <= row.frozen <= (batch.closed_at or row.frozen):
                what = f"{row.batch} was not open then (row {batch.row})"
                yield _wrong(row, "frozen", what)
            if row.biopsy and row.biopsy not in self.biopsies:
                yield _wrong(row, "biopsy", f"{row.batch} exists already; relink it instead")
        elif not row.product.strip():
            yield _wrong(row, "product", f"{row.batch} is new: say what it is, or --product")
        yield from self._against_biopsy(row, mine)

    def _against_biopsy(self, row: BankRow, mine: set[str]) -> Iterator[Mistake]:
        if row.biopsy in self.biopsies:
            if self.owners[row.biopsy] != mine:
                yield _wrong(row, "patient", f"{row.biopsy} is of another patient, or of none")
            if self.biopsies[row.biopsy] != row.biopsy_taken:
                yield _wrong(row, "biopsy_taken", f"{row.biopsy} was taken at another time")

    def _batches(self, ids: set[str]) -> dict[str, Batch]:
        found: dict[str, Batch] = {}
        for some in kinship.chunks(ids):
            for batch in standing.cultures_of(self._connection, some):
                found[batch.id] = batch
        return found

    def _biopsies(self, ids: set[str]) -> dict[str, int]:
        column = schema.biopsy.c
        found: dict[str, int] = {}
        for some in kinship.chunks(ids):
            query = select(column.id, column.taken_at).where(column.id.in_(some))
            for row in self._connection.execute(query):
                found[row.id] = row.taken_at
        return found


class _Entries:
    """What is entered for a file that holds no mistake."""

    def __init__(self, path: Path, ledger: Ledger, known: _Known, act: Signed) -> None:
        self._name = ascii(path.name)[1:-1]
        self._sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        self._clerk = ledger.clerk
        self._known = known
        self._act = act
        # Before keys are made for somebody who may not enter them.
        self._entry("accession", self._name, known.rows[0], act.at)
        self._sealed = ledger.identities.enrol_all(known.new_patients) if known.new_patients else {}
        self._handles = known.handles | {t: handle for t, (handle, _) in self._sealed.items()}

    def all(self) -> Iterator[Entry]:
        """In the order in which one is the reason for the next."""
        rows = self._known.rows
        first = self._entry("accession", self._name, rows[0], self._act.at)
        what = f"{len(rows)} vials, SHA-256 {self._sha256}"
        reason = f"{what}; {self._act.reason}" if self._act.reason else what
        yield Entry(msgspec.structs.replace(first, reason=reason))
        first_of = {row.patient: row for row in reversed(rows)}
        for token, (handle, sealed) in self._sealed.items():
            row = first_of[token]
            detail: dict[str, Scalar] = {"handle": handle, "sealed": sealed}
            yield Entry(self._entry("enrol", handle, row, self._act.at), "enrolment", detail)
        yield from self._biopsies()
        for batch, mine in self._known.new_batches.items():
            yield from self._batch(batch, mine)
        for row in rows:
            yield from self._vial(row)

    def _entry(self, kind: str, subject: str, row: BankRow, at: int | None) -> Act:
        why = f"imported from {self._name}, row {row.line}"
        return self._clerk.entry(kind, subject, Signed(by=self._act.by, at=at, reason=why))

    def _biopsies(self) -> Iterator[Entry]:
        done = set(self._known.biopsies)
        for row in self._known.rows:
            if row.biopsy and row.biopsy not in done:
                done.add(row.biopsy)
                taken: dict[str, Scalar] = {"id": row.biopsy, "taken_at": row.biopsy_taken}
                yield Entry(
                    self._entry("biopsy", row.biopsy, row, row.biopsy_taken), "biopsy", taken
                )
                yield self._descent("biopsy", row.biopsy, row, row.biopsy_taken or 0, self._of(row))

    def _batch(self, batch: str, mine: list[BankRow]) -> Iterator[Entry]:
        row = mine[0]
        first = min(each.frozen for each in mine) if row.opened is None else row.opened
        last = max(each.frozen for each in mine)
        detail: dict[str, Scalar] = {
            "id": batch,
            "product": row.product,
            "protocol": "",
            "opened_at": first,
        }
        yield Entry(self._entry("open", batch, row, first), "batch", detail)
        yield self._descent("start", batch, row, first, row.biopsy or self._of(row))
        number = max(each.passage for each in mine)
        passage: dict[str, Scalar] = {"batch": batch, "number": number}
        yield Entry(self._entry("passage", batch, row, last), "passage", passage)
        yield Entry(self._entry("close", batch, row, last))

    def _vial(self, row: BankRow) -> Iterator[Entry]:
        frozen: dict[str, Scalar] = {
            "id": row.vial,
            "batch": row.batch,
            "passage": row.passage,
            "frozen_at": row.frozen,
        }
        yield Entry(self._entry("freeze", row.vial, row, row.frozen), "vial", frozen)
        since = self._act.at if row.stored is None else row.stored
        stored: dict[str, Scalar] = {
            "batch": row.vial,
            "device": row.place.device,
            "position": row.place.position,
            "start_at": since,
            "end_at": None,
        }
        yield Entry(self._entry("place", row.vial, row, since), "placement", stored)

    def _descent(self, kind: str, child: str, row: BankRow, since: int, parent: str) -> Entry:
        detail: dict[str, Scalar] = {"child": child, "parent": parent, "since": since}
        return Entry(self._entry(kind, child, row, since), "descent", detail)

    def _of(self, row: BankRow) -> str:
        return self._handles[row.patient]


def _wrong(row: BankRow, column: str, what: str) -> Mistake:
    return Mistake(row=row.line, column=column, what=what)
