"""What of the log cannot be read although it may tell of a channel and a time.

Nobody knows then what is known of that time, and nothing may be written there as if nothing were.
No pyarrow here.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from devices.scan import Scan
from storage.archive.seal import File, Sealed, describe, folder_of, runs, scanned
from storage.chain import GENESIS
from storage.consistency import losses
from storage.journalfile import NAME
from storage.reader import JournalReader

Span = tuple[int, int]
"""Numbers of entries, from and to."""


class Asked(NamedTuple):
    """A channel of a device from ``start`` up to but not including ``end``, epoch ms."""

    device: str
    key: str
    start: int
    end: int


class _Seen(NamedTuple):
    """What is remembered of a seal: a site of thirty years has eleven thousand."""

    path: Path
    sha256: str
    previous: str
    first: int
    last: int
    at: int
    missing: tuple[Span, ...]
    entries: Path
    file: File
    tells: bool


class _Gone(NamedTuple):
    """A seal that cannot be believed or is not there: what is wrong, and when the next was made.

    None of its entries came after that.
    """

    why: str
    before: int | None


def doubts(data: Path, journal: JournalReader, asked: Asked) -> Iterator[str]:
    """A sentence for all that may hold readings of that and is not what was written.

    The seal of a segment says of which devices and times it is; only the files of those that tell
    of the channel are read. Where a seal is wanting, all that was sealed before the next one is
    in doubt, unless the journal has it. What the archive has not yet is read as a whole: a row of
    the journal that is damaged may have been of any device, and of any time before it was written.

    Raises:
        storage.waiting.JournalError: the journal cannot be read.
        OSError: the archive cannot be read.
    """
    unreadable: list[str] = []
    # Before the seals: what a running core frees next is sealed already.
    freed = freed_upto(journal)
    seen = _seen(data, asked, unreadable.append)
    named = "".join(f" ({why})" for why in unreadable)
    unknown = [*_gone(folder_of(data), seen, journal, freed, named), *_changed(seen)]
    for why, before in unknown:
        if before is None or asked.start <= before:
            yield why
    for each in seen:
        if each.tells and (damage := _damage(each, freed)):
            yield f"{each.entries}: {damage}"
    for lost in losses(data, journal, after=_whole(seen)):
        if any(each.first <= lost.first and lost.last <= each.last for each in seen):
            continue
        written = _written(journal, lost.last)
        if written is None or asked.start <= written:
            yield f"{data / NAME}: {lost.what}"


def _seen(data: Path, asked: Asked, unreadable: Callable[[str], None]) -> list[_Seen]:
    found = [
        _Seen(
            each.path,
            each.sha256,
            each.seal.previous,
            each.seal.first,
            each.seal.last,
            each.seal.at,
            each.seal.missing,
            each.entries,
            each.seal.file,
            _tells(each, asked),
        )
        for each in scanned(data, unreadable=unreadable)
    ]
    return sorted(found, key=lambda each: each.first)


def _tells(sealed: Sealed, asked: Asked) -> bool:
    """Whether a segment has scans of the device and time that may tell of the channel."""
    layouts = sealed.seal.layouts
    found = runs(sealed.seal, asked.device, asked.start, asked.end)
    return any(asked.key in layouts[run.layout].keys for run in found)


def _gone(
    folder: Path, seen: Sequence[_Seen], journal: JournalReader, freed: int, named: str
) -> Iterator[_Gone]:
    """Entries that no segment has, nor the journal any more."""
    removed = min(journal.removed, freed)
    after, told = 0, {_beyond(span, seen) for span in journal.skipped()}
    told |= {gap for each in seen for gap in each.missing}
    ends = [*((each.first - 1, each.last, each.at) for each in seen), (removed, removed, None)]
    for upto, last, before in ends:
        first = after + 1
        wanting = first <= min(upto, freed)
        if wanting and not any(a <= first and upto <= b for a, b in told):
            why = f"{folder}: no segment has entries {first} to {upto}, nor has the journal{named}"
            yield _Gone(why, before)
        after = max(after, last)


def _beyond(span: Span, seen: Sequence[_Seen]) -> Span:
    """Numbers that were never given out, without those that an earlier journal gave out.

    A journal that is begun anew passes over all that the archive has.
    """
    within = [each.last for each in seen if span[0] <= each.first and each.last <= span[1]]
    return max([span[0] - 1, *within]) + 1, span[1]


def freed_upto(journal: JournalReader) -> int:
    """Up to which number the journal has nothing: it was freed of it, or begun anew since."""
    oldest = journal.rows(0, 1)
    return max(journal.removed, oldest[0][0] - 1 if oldest else journal.last)


def _changed(seen: Sequence[_Seen]) -> Iterator[_Gone]:
    """Seals that are not those that the next ones name."""
    for each, later in pairwise(seen):
        if later.previous != each.sha256 and later.first <= each.last + 1:
            yield _Gone(f"{each.path}: was changed since the next day was sealed", later.at)


def _whole(seen: Sequence[_Seen]) -> int:
    """Up to which number all is in the archive, one segment after the other."""
    before, upto = GENESIS, 0
    for each in seen:
        if each.previous != before or not each.entries.exists():
            break
        before, upto = each.sha256, each.last
    return upto


def _written(journal: JournalReader, seq: int) -> int | None:
    """A time by which what has that number was written, epoch ms; None: nothing came after it."""
    after = next(iter(journal.entries(seq, 1)), None)
    if after is None:
        return None
    entry = after[1]
    return entry.received if isinstance(entry, Scan) else entry.at


def _damage(seen: _Seen, freed: int) -> str:
    """What is wrong with the file of a segment; empty where all that it held can be read."""
    if not seen.entries.exists():
        # What is set aside is read from the journal while that has it.
        return "is not there" if seen.first <= freed else ""
    return "" if describe(seen.entries) == seen.file else "is not what was sealed"
