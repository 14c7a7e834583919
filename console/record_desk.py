"""Records at the console: previewed, made and signed, one piece of work at a time for a subject.

Each is done by a worker (``console.worker``) that a thread of the desk's waits for; a screen looks
how far it is, and may be closed meanwhile.
"""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from enum import Enum
from functools import lru_cache, partial
from pathlib import Path
from typing import TypeVar

import msgspec

from batches import editions
from batches.editions import Edition
from batches.export import manifest
from batches.ledger import Ledger
from batches.placement import Refused
from batches.signature import Signature, SignatureError, Step
from batches.signing import SIGNED_PAPER, Wish, settle
from console.acknowledge import one_line
from console.entrance import Entrance, Stopped, Visitor
from console.orders import Became, Ordered
from console.records import Preview, Records, Version
from console.worker import Tell, WorkError, work
from storage import unfinished
from storage.database import DatabaseError
from storage.wall import wall_ms

T = TypeVar("T")
log = logging.getLogger(__name__)

AT_ONCE = 2
SILENT_S = 900.0
"""A worker that says nothing for so long hangs: pages of years take minutes to be set."""
KEEP_S = 8.0
BUSY = "other work on this record is going on; wait until it is done"
FULL = "other records are being made just now; try again when they are done"


class Doing(Enum):
    """What is done, as a screen says it."""

    PREVIEW = "Preview"
    MAKE = "Make the record"
    SIGN = "Sign"
    CLOSE = "Close the batch"


class Job(msgspec.Struct, kw_only=True):
    """One piece of work: ``done`` of ``of`` scans (0: not known), and what came of it at last."""

    doing: Doing
    by: str
    done: int = 0
    of: int = 0
    ordered: Ordered | None = None
    preview: Preview | None = None


class Signing(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody typed to sign the version ``manifest`` (its SHA-256) as ``step``.

    ``person`` and ``password`` are the two components of 21 CFR 11.200(a)(1); ``why`` are
    justifications by the number of the open item.
    """

    manifest: str
    step: Step
    meaning: str
    person: str
    password: str
    why: dict[int, str] = {}


class _Said(msgspec.Struct, frozen=True):
    open_items: tuple[str, ...] = ()


class RecordDesk:
    """The desk of one site. Work goes on when whoever asked for it has left."""

    def __init__(self, records: Records, entrance: Entrance) -> None:
        self._records = records
        self._entrance = entrance
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="records")
        self._stop = threading.Event()
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """End the work that goes on."""
        self._stop.set()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._threads.shutdown(wait=False)

    def job(self, subject: str) -> Job | None:
        """The work on the record of ``subject`` that goes on, or was done last."""
        return self._jobs.get(subject)

    async def preview(self, visitor: Visitor, subject: str) -> Ordered:
        """Work out page 1 of the record as of now; its job then has it."""

        async def act(job: Job) -> None:
            await self._allowed(subject, job.by)
            make = partial(self._records.preview, subject, job.by)
            job.preview = await self._worked(make, job, subject)

        return await self._begun(Doing.PREVIEW, visitor, subject, act)

    async def make(self, visitor: Visitor, subject: str) -> Ordered:
        """Make the next version of the record."""

        async def act(job: Job) -> None:
            await self._allowed(subject, job.by)
            # A new place each time: what a worker that was killed left is in nobody's way.
            place = self._records.folder / subject
            await asyncio.to_thread(unfinished.sweep, place)
            out = place / f"{wall_ms()}"
            make = partial(self._records.make, subject, job.by, out)
            await self._named(make, job, subject, out)

        return await self._begun(Doing.MAKE, visitor, subject, act)

    async def end_batch(self, visitor: Visitor, batch: str, *, reason: str) -> Ordered:
        """Close a batch; where its environment has gaps with a reason only."""
        said = one_line(reason)

        async def act(job: Job) -> None:
            await self._worked(partial(self._records.close, batch, job.by, said), job, batch)

        return await self._begun(Doing.CLOSE, visitor, batch, act)

    async def sign(
        self, visitor: Visitor, subject: str, typed: Signing, *, address: str
    ) -> Ordered:
        """Sign a version with id and password, typed for this signature by who is logged in."""

        async def act(job: Job) -> None:
            if typed.person.strip() != job.by:
                raise WorkError(f"{job.by} is logged in here, and signs with their own id")
            found = await self._entrance.proved(job.by, typed.password, address=address)
            if isinstance(found, Stopped):
                raise WorkError(found.why)
            versions = await asyncio.to_thread(self.versions, subject)
            wanted = next((one for one in versions if one.manifest == typed.manifest), None)
            if wanted is None or wanted.folder is None:
                raise WorkError("this version is not here any more; make the record again")
            _check_justified(typed, wanted)
            wish = Wish(
                step=typed.step,
                person=found,
                meaning=one_line(typed.meaning),
                why={number: one_line(why) for number, why in typed.why.items()},
            )
            sign = partial(self._records.sign, wanted.folder, wish)
            await self._named(sign, job, subject, wanted.folder)

        return await self._begun(Doing.SIGN, visitor, subject, act)

    def versions(self, subject: str) -> tuple[Version, ...]:
        """The versions of the record of ``subject`` that the ledger knows, newest first.

        Raises:
            DatabaseError: it cannot be read.
        """
        ledger = self._entrance.ledger
        with ledger.database.reading() as connection:
            known = editions.editions(connection, subject)
        if not known:
            # What the ledger does not know names no folder either.
            return ()
        places = _places(self._records.folder / subject)
        self._settle(subject, places.values(), ledger)
        with ledger.database.reading() as connection:
            given = {
                each.manifest: editions.signatures(connection, each.manifest) for each in known
            }
        newest = known[-1].version
        return tuple(
            _version(each, places.get(each.manifest), given[each.manifest], newest)
            for each in reversed(known)
        )

    def _settle(self, subject: str, folders: Iterable[Path], ledger: Ledger) -> None:
        """End what a signer who was killed began; not while somebody signs."""
        job = self._jobs.get(subject)
        if job is not None and job.ordered is None:
            return
        for folder in folders:
            try:
                settle(folder, ledger)
            except (OSError, SignatureError) as error:
                log.warning("%s: a signature that was begun is not ended: %s", folder, error)

    async def _allowed(self, subject: str, by: str) -> None:
        async with asyncio.timeout(KEEP_S):
            await asyncio.to_thread(self._entrance.ledger.authorise, "export", subject, by)

    async def _named(
        self, make: Callable[[Tell], object], job: Job, subject: str, folder: Path
    ) -> None:
        """As ``_worked``; where a record lies is the machine's affair, and no reader's."""
        try:
            await self._worked(make, job, subject)
        except WorkError as error:
            said = str(error).replace(f"{folder}: ", "this record ")
            raise WorkError(said.replace(str(folder), "the record")) from error

    async def _worked(self, make: Callable[[Tell], T], job: Job, subject: str) -> T:
        def tell(done: int, of: int) -> None:
            job.done, job.of = done, of

        waited = partial(
            work,
            make,
            tell=tell,
            stop=self._stop,
            name=f"{job.doing.name.lower()} {subject}",
            within_s=SILENT_S,
        )
        return await asyncio.get_running_loop().run_in_executor(self._threads, waited)

    async def _begun(
        self,
        doing: Doing,
        visitor: Visitor,
        subject: str,
        act: Callable[[Job], Awaitable[None]],
    ) -> Ordered:
        running = [job for job in self._jobs.values() if job.ordered is None]
        before = self._jobs.get(subject)
        if before is not None and before.ordered is None:
            return Ordered(became=Became.REFUSED, why=BUSY)
        if len(running) >= AT_ONCE:
            return Ordered(became=Became.REFUSED, why=FULL)
        job = Job(doing=doing, by=visitor.person.id)
        self._jobs[subject] = job
        task = asyncio.create_task(_done(job, act), name=f"{doing.name.lower()} {subject}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Who asked may leave: the work goes on.
        await asyncio.shield(task)
        return job.ordered or Ordered(became=Became.NOT_KEPT)


async def _done(job: Job, act: Callable[[Job], Awaitable[None]]) -> None:
    try:
        await act(job)
    except (WorkError, Refused) as error:
        job.ordered = Ordered(became=Became.REFUSED, why=str(error))
    except (DatabaseError, TimeoutError) as error:
        log.warning("%s by %s: %s", job.doing.value, job.by, error)
        why = str(error) or f"the ledger did not answer within {KEEP_S:g} s"
        job.ordered = Ordered(became=Became.NOT_KEPT, why=why)
    else:
        job.ordered = Ordered(became=Became.DONE)
    finally:
        # The program itself failed: it must not look as if it were still at work.
        if job.ordered is None:
            why = "the console stumbled; its log says over what"
            job.ordered = Ordered(became=Became.NOT_KEPT, why=why)


def _check_justified(typed: Signing, version: Version) -> None:
    if typed.step is not Step.APPROVED:
        return
    numbers = range(1, len(version.open_items) + 1)
    missing = [number for number in numbers if not typed.why.get(number, "").strip()]
    if missing:
        listed = ", ".join(map(str, missing))
        raise WorkError(f"say of each open item why it does not stand against it: {listed}")


def _places(folder: Path) -> dict[str, Path]:
    """Folders of records by the SHA-256 of their manifests."""
    return {
        manifest.describe(path).sha256: path.parent
        for path in sorted(folder.glob(f"[!.]*/{manifest.NAME}"))
        if manifest.is_plain(path)
    }


def _version(
    edition: Edition, folder: Path | None, given: tuple[Signature, ...], newest: int
) -> Version:
    return Version(
        number=edition.version,
        at=int(edition.record.rpartition("/")[2]),
        manifest=edition.manifest,
        folder=folder,
        given=given,
        is_newest=edition.version == newest,
        open_items=_open_items(folder) if folder and edition.version == newest else (),
        has_signed_pages=folder is not None and (folder / SIGNED_PAPER).is_file(),
    )


@lru_cache(maxsize=32)
def _read_items(folder: Path) -> tuple[str, ...]:
    data = (folder / manifest.RECORD).read_bytes()
    return msgspec.json.decode(data, type=_Said).open_items


def _open_items(folder: Path) -> tuple[str, ...]:
    try:
        return _read_items(folder)
    except (OSError, msgspec.MsgspecError):
        # Whoever signs is told what is wrong with it: it is checked byte by byte then.
        return ()
