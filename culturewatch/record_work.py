"""What the console's worker does about records, by the code of the commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

from alerts.schema import StoreError
from batches.batch import Signed
from batches.export.pades import PadesError
from batches.export.paper import front
from batches.export.pdf import LayoutError
from batches.export.publish import RecordError
from batches.ledger import Ledger
from batches.placement import Interval
from batches.record import BatchRecord
from batches.signature import Signature, SignatureError
from batches.signing import Wish
from batches.trail import Note
from console.records import Answered, Preview
from console.worker import Tell, WorkError
from culturewatch.closing import unknown
from culturewatch.make_record import assembled, write_record
from culturewatch.make_report import write_excursions, write_log
from culturewatch.secret import SecretError
from culturewatch.signing import signatory, stamping
from culturewatch.site import SiteError, load
from culturewatch.who import FAULTS
from storage.archive.seal import ArchiveError
from storage.journal import JournalError

_KNOWN: tuple[type[Exception], ...] = (
    *(StoreError, RecordError, JournalError, ArchiveError, SignatureError, PadesError, LayoutError),
    *(SiteError, SecretError, OSError, *FAULTS),
)
_TOLD_EVERY = 2_000
"""Scans."""


def preview(path: Path, subject: str, by: str, tell: Tell) -> Preview:
    """Page 1 of the record of ``subject`` as of now; that ``by`` has seen it is in the audit trail.

    Raises:
        WorkError: it cannot be had.
    """
    with _told():
        site = load(path)
        ledger = Ledger(site.ledger_url)
        record = assembled(site, ledger, subject, by=by, visit=_Count(tell))
        note = Note(
            kind="export",
            by=by,
            subject=f"record of {subject}",
            area="export",
            item="preview",
            outcome="shown",
        )
        ledger.note(note)
        return _first_page(record, site.zone)


def make(path: Path, subject: str, by: str, out: Path, tell: Tell) -> Path:
    """The folder of the record of ``subject``, made as ``culturewatch record`` makes it.

    Raises:
        WorkError: it cannot be made; nothing of it is kept.
    """
    with _told():
        return write_record(load(path), subject, out, by=by, progress=tell)


def log(path: Path, device: str, span: Interval, by: str, out: Path, _: Tell) -> Path:
    """The folder of the log of ``device``, made as ``culturewatch equipment log`` makes it.

    Raises:
        WorkError: it cannot be made; nothing of it is kept.
    """
    with _told():
        site = load(path)
        return write_log(site, device, span, out, ledger=Ledger(site.ledger_url), by=by)[0]


def excursions(path: Path, device: str, span: Interval, by: str, out: Path, _: Tell) -> Path:
    """The folder of the excursions of ``device``, as ``culturewatch report excursions``.

    Raises:
        WorkError: it cannot be made; nothing of it is kept.
    """
    with _told():
        site, devices = load(path), (device,)
        ledger = Ledger(site.ledger_url)
        return write_excursions(site, devices, span, out, ledger=ledger, by=by)[0]


def sign(path: Path, folder: Path, wish: Wish, _: Tell) -> Signature:
    """Sign the record in ``folder``, as ``culturewatch sign`` does, for who has proved themselves.

    Raises:
        WorkError: it cannot be signed so; nothing was.
    """
    with _told():
        site = load(path)
        with stamping(site) as stamp:
            signer = signatory(site, Ledger(site.ledger_url), by=wish.person.id, stamp=stamp)
            return signer.sign(folder, wish)


def close(path: Path, batch: str, by: str, reason: str, _: Tell) -> None:
    """Close ``batch``, as ``culturewatch batch close`` does.

    Raises:
        WorkError: it cannot be, or it has gaps and no reason is given.
    """
    with _told():
        site = load(path)
        ledger = Ledger(site.ledger_url, devices=[device.id for device in site.devices])
        if not reason.strip() and (missing := unknown(site, ledger, batch)):
            raise WorkError(
                f"{batch}: is not known throughout: {'; '.join(missing)}; fill that in first, or "
                "give a reason why it is closed all the same"
            )
        ledger.close(batch, act=Signed(by=by, reason=reason))


class _Count:
    """Tells now and then how many scans were read; of how many is not known."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._done = 0

    def __call__(self, *_: object) -> None:
        self._done += 1
        if self._done % _TOLD_EVERY == 0:
            self._tell(self._done, 0)


def _first_page(record: BatchRecord, zone: ZoneInfo) -> Preview:
    return Preview(
        at=record.made.at,
        answers=tuple(
            Answered(question=a.question, answer=a.answer, small=a.small, tone=a.tone.value)
            for a in front.answers(record)
        ),
        facts=tuple(
            (name, " ".join(filter(None, (said.text, said.small))))
            for name, said in front.summary(record, zone).rows
        ),
        open_items=record.open_items,
    )


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except _KNOWN as fault:
        if isinstance(fault, OSError) and fault.filename is not None and fault.strerror:
            raise WorkError(f"{fault.filename}: {fault.strerror}") from fault
        raise WorkError(str(fault)) from fault
