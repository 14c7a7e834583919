"""``alarm replay``: the stored readings under changed rules, against the rules in force."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import msgspec

from alerts.contrast import Change, Contrast, Summary
from alerts.engine.engine import Engine
from alerts.reader import AlarmReader
from alerts.rulebook import Rulebook, RuleError, load
from alerts.trial import warm_up
from culturewatch import paths
from culturewatch.parts import channel_specs, default_rules, rulebook
from culturewatch.site import Site, SiteError
from devices.scan import Scan
from storage.archive.log import LogReader
from storage.entry import Command, Entry


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """The period (epoch ms) that was compared, what came of it, and entries too damaged to use."""

    start: int
    end: int
    summary: Summary
    damaged: int


def compare(
    site: Site,
    proposed: Path,
    *,
    start: int | None,
    end: int | None,
    tell: Callable[[Change], None],
    progress: Callable[[int, int], None],
) -> Outcome:
    """Tell each alarm that the rules in ``proposed`` win, lose or move over [``start``, ``end``).

    Both rulebooks are those that would run if the core were started now with their files: edits
    made by command hold where the file did not change the rule, and what was removed is left out.
    The journal is read a page at a time.

    Raises:
        SiteError: rules cannot be used, or the period is none.
        storage.waiting.JournalError: the journal cannot be read.
        alerts.schema.StoreError: the alarm store cannot be read.
    """
    in_force, tried = rulebook(site), proposed_rules(site, proposed)
    done: dict[str, int] = {}
    with LogReader(site.data) as journal:
        first, last = extent(journal)
        start = first if start is None else start
        end = last + 1 if end is None else min(end, last + 1)
        if start >= end:
            raise SiteError([f"{site.data}: the journal has no reading in that period"])
        began = start - max(warm_up(in_force), warm_up(tried))
        if paths.alarms(site.data).exists():
            with AlarmReader(paths.alarms(site.data)) as alarms:
                parts, done = alarms.parts(), alarms.done_before(began)
            in_force, tried = (Engine(book, parts).rulebook for book in (in_force, tried))
        contrast = Contrast(in_force, tried, start=start, end=end)
        stored = _entries(journal, seek(journal, began), end, progress)
        for entry in chain(_done(done, max(began, first)), stored):
            for change in contrast.take(entry):
                tell(change)
        for change in contrast.finish(end):
            tell(change)
        return Outcome(start=start, end=end, summary=contrast.summary, damaged=len(journal.damaged))


def proposed_rules(site: Site, path: Path) -> Rulebook:
    """The rules in a folder of files, or in one file, for the devices and people of ``site``.

    The default rules that are in force there stay in force, but where a proposed one replaces them.

    Raises:
        SiteError: they cannot be used; every mistake is listed.
    """
    files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
    if not files:
        raise SiteError([f"{path}: there is no rule (*.toml) there"])
    try:
        return load(
            files,
            channels=channel_specs(site),
            policies=site.file.policy,
            people=site.file.person,
            defaults=default_rules(site),
        )
    except RuleError as error:
        raise SiteError(str(error).splitlines()) from error


def seek(journal: LogReader, at: int) -> int:
    """A sequence number before all entries that came at ``at`` (epoch ms) or later.

    By halving, as times rise with the numbers but where the clock was set; 0 for the beginning.
    """
    low, high = 0, journal.last
    while low < high:
        middle = (low + high) // 2
        found = journal.entries(middle, 1)
        if found and came(found[0][1]) < at:
            low = found[0][0]
        else:
            high = middle
    return low


def came(entry: Entry) -> int:
    """When an entry came, epoch ms."""
    return entry.received if isinstance(entry, Scan) else entry.at


def extent(journal: LogReader) -> tuple[int, int]:
    """When the first and the last entry came, epoch ms.

    Raises:
        SiteError: there is none.
    """
    head = journal.entries(0, 1)
    if not head:
        raise SiteError(["the journal is empty: no core has run yet"])
    last, back, tail = journal.last, 1, head
    while back < 2 * last:
        # Numbers that were given out in vain stand at the end after a crash.
        if tail := journal.entries(max(last - back, 0)):
            break
        back *= 2
    return came(head[0][1]), came((tail or head)[-1][1])


def _done(done: dict[str, int], at: int) -> Iterator[Entry]:
    """What was done before the readings begin, so that nothing counts as overdue for want of it."""
    for rule, when in done.items():
        yield Command(
            id=f"done-{rule}",
            at=at,
            by="alarm history",
            verb="done",
            target=rule,
            via="trial",
            arguments={"at": str(when), "note": "as the alarm history says"},
        )


def _entries(
    journal: LogReader, after: int, end: int, progress: Callable[[int, int], None]
) -> Iterator[Entry]:
    begun, last = after, journal.last
    while found := journal.entries(after):
        for _, entry in found:
            if came(entry) >= end:
                return
            yield entry
        after = found[-1][0]
        progress(after - begun, last - begun)
