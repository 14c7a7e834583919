"""The first page: complete? in limits? what is open? who signed? Then whose cells these are."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import accumulate, compress
from zoneinfo import ZoneInfo

from batches.excursion import Excursion
from batches.export.paper import handled
from batches.export.paper.sheet import (
    Answer,
    Block,
    Cell,
    Facts,
    Heading,
    Section,
    Signing,
    Text,
    Tone,
    cell,
    clipped,
    left_out,
    table,
)
from batches.export.wording import NOTHING, counted, moment, span
from batches.exposure import Exposure
from batches.kinship import Kin
from batches.placement import Interval
from batches.policy import Verdict
from batches.record import BatchRecord, Made
from batches.signature import MEANINGS, Step
from batches.version import Version
from batches.vial import Vial

ON_FRONT = 16
"""Lines of open items on page 1, which holds the signatures too; all items follow."""
_FRONT_WORDS = 160
"""Signs of an open item there: what is longer than a line has two at most."""
_LINE_EM = 52.0
_NARROW_EM, _WIDE_EM = 0.65, 1.0
_WIDE = frozenset("mw@%\N{EM DASH}")
TONES = {Verdict.IN: Tone.GOOD, Verdict.OUT: Tone.BAD, Verdict.UNKNOWN: Tone.UNSURE}


SIGNED = Answer("Signed?", "See below", "not signed yet when this was made", Tone.UNSURE)
"""The pages are made before anybody signs; on the signed copy the places below are filled."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def answers(record: BatchRecord) -> tuple[Answer, ...]:
    """The four of page 1."""
    return (
        _complete(record),
        _in_limits(record),
        is_open(record.open_items, "to be judged before release"),
        SIGNED,
    )


def _complete(record: BatchRecord) -> Answer:
    if record.complete:
        said = "every limited channel was measured throughout every stay"
        return Answer("Complete?", "Yes", said, Tone.GOOD)
    limited = _limited(record)
    said = "nothing that was measured has limits"
    if limited:
        unknown = _covered(gap for exposure in limited for gap in exposure.gaps)
        said = f"channels with limits went unmeasured for {span(unknown)} in all"
    return Answer("Complete?", "No", said, Tone.UNSURE)


def _limited(record: BatchRecord) -> list[Exposure]:
    found = [s.exposure for stay in record.stays for s in stay.channels]
    return [exposure for exposure in found if exposure.limits.given]


def _covered(spans: Iterable[Interval]) -> int:
    """For how long any of ``spans`` lasted: what several channels share counts once."""
    reached, found = 0, 0
    for each in sorted(spans, key=lambda one: one.start):
        found += max(0, each.end - max(each.start, reached))
        reached = max(reached, each.end)
    return found


def outside(excursions: Iterable[Excursion]) -> int:
    """For how long any of ``excursions`` lasted."""
    return _covered(Interval(each.start, each.end) for each in excursions)


def _in_limits(record: BatchRecord) -> Answer:
    excursions = sum(len(s.exposure.judged) for stay in record.stays for s in stay.channels)
    match record.verdict:
        case Verdict.IN:
            said = "throughout every stay"
            if excursions:
                said = f"{counted(excursions, 'excursion')}, allowed by the protocol"
            return Answer("In limits?", "In limits", said, Tone.GOOD)
        case Verdict.OUT:
            said = f"at some time: {counted(excursions, 'excursion')}"
            return Answer("In limits?", "Out of limits", said, Tone.BAD)
        case _:
            said = "nothing is known to be out, but a gap is never in limits"
            return Answer("In limits?", "Unknown", said, Tone.UNSURE)


def is_open(items: Sequence[str], said: str) -> Answer:
    """Whether anything is open, and what is to be done with it."""
    count = len(items)
    tone = Tone.UNSURE if count else Tone.GOOD
    answer = counted(count, "item") if count else "Nothing"
    return Answer("Open?", answer, said, tone)


def summary(record: BatchRecord, zone: ZoneInfo) -> Facts:
    """What a reader wants to know before anything else."""
    limited = _limited(record)
    devices = dict.fromkeys(stay.placement.device for stay in record.stays)
    out = outside(each for exposure in limited for each in exposure.excursions)
    unknown = _covered(gap for exposure in limited for gap in exposure.gaps)
    excursions = sum(len(exposure.judged) for exposure in limited)
    gaps = sum(len(exposure.gaps) for exposure in limited)
    never = sum(alarm.acknowledged_at is None for alarm in record.alarms)
    names = [each.reference for each in record.protocols if each.reference]
    ended = "when this record was made" if _goes_on(record) else "its end"
    start, end = moment(zone, record.span.start), moment(zone, record.span.end)
    rows = (
        ("Time", cell(f"{start} to {end} ({ended}), {span(record.span.length)}")),
        ("Stays", cell(f"{len(record.stays):,} in {', '.join(devices) or 'no device'}")),
        ("Judged by", cell(", then ".join(names) or "the limits of the alarm rules in force then")),
        ("Out of limits", cell(f"{span(out)} in {counted(excursions, 'excursion')}")),
        ("Not known", cell(f"{span(unknown)} in {counted(gaps, 'gap')} of channels with limits")),
        ("In no device", cell(span(sum(each.length for each in record.bench)))),
        ("Handling", cell(handled.counts(record))),
        ("Alarms", cell(f"{len(record.alarms):,}, of which {never:,} never acknowledged")),
        ("Version", version_cell(record.version, zone)),
    )
    return Facts(rows)


def version_cell(version: Version, zone: ZoneInfo) -> Cell:
    """Which version this is, and what has changed since the one before."""
    former = version.former
    if former is None:
        return cell("1, the first")
    changed = "; ".join(f"{each.what} {each.before} → {each.now}" for each in version.changed)
    at = moment(zone, int(former.record.rpartition("/")[2]))
    said = changed or "nothing that is counted here has changed"
    return cell(
        f"{version.number}. Since version {former.version} of {at}: {said}",
        f"Its manifest: {former.manifest}. Its signatures are not of this version.",
        Tone.UNSURE,
    )


def _goes_on(record: BatchRecord) -> bool:
    return record.batch.is_open if record.vial is None else record.vial.ended_at is None


def signing(meanings: Mapping[Step, str] = MEANINGS) -> tuple[Signing, ...]:
    """The places for signatures, in the order in which they are given."""
    return tuple(Signing(step.value.title(), meaning) for step, meaning in meanings.items())


def front_items(items: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The open items for page 1, and where the others are."""
    shown = [short(item, _FRONT_WORDS) for item in items]
    room = [lines <= ON_FRONT for lines in accumulate(map(_lines, shown))]
    first = tuple(compress(shown, room))
    return first, "" if first == items else f"{len(items)} in all: see “Open items”."


def _lines(item: str) -> int:
    """How many lines an open item takes on page 1, at most."""
    wide = sum(char in _WIDE or not char.isascii() or char.isupper() for char in item)
    return 1 if wide * _WIDE_EM + (len(item) - wide) * _NARROW_EM <= _LINE_EM else 2


def open_items(items: tuple[str, ...], most: int) -> Iterable[Section]:
    """All open items, where page 1 has not room for them."""
    if not front_items(items)[1]:
        return
    rows = [(str(n), clipped(item)) for n, item in enumerate(items[:most], start=1)]
    note = left_out(len(items), most, "open items")
    yield Section("Open items", (table([(">No.", 1), ("What is to be judged", 17)], rows, note),))


def identity(record: BatchRecord, zone: ZoneInfo) -> Section:
    """Which batch, whose cells, where they came from and what came of them."""
    batch = record.batch
    vial = record.vial
    closed = "not yet"
    if not batch.is_open:
        closed = _by(moment(zone, batch.closed_at), batch.closed_by or "", batch.closed_why or "")
    passage = NOTHING if record.passage is None else f"P{record.passage}"
    own = () if vial is None else _vial(vial, zone)
    rows = (
        *own,
        ("Batch", cell(batch.id)),
        ("Product", cell(batch.product)),
        ("Passage", cell(passage)),
        ("Chain of identity", _patient(record)),
        ("Batch opened", cell(_by(moment(zone, batch.opened_at), batch.opened_by, batch.reason))),
        ("Batch closed", cell(closed)),
        ("Times", cell(f"shown in {record.setting.time_zone}; the files of this record hold UTC")),
        (
            "Record made",
            cell(f"{moment(zone, record.made.at)} by {record.made.by}"),
        ),
        ("Software", cell(f"culturewatch {record.setting.software}")),
    )
    return Section("Identity and genealogy", (Facts(rows), *_kin(record, zone)))


def _vial(vial: Vial, zone: ZoneInfo) -> tuple[tuple[str, Cell], ...]:
    ended = "not yet"
    if vial.ended_at is not None:
        why = f"{vial.ended_how}: {vial.ended_why}" if vial.ended_why else vial.ended_how or ""
        ended = _by(moment(zone, vial.ended_at), vial.ended_by or "", why)
    frozen = _by(moment(zone, vial.frozen_at), vial.frozen_by, vial.reason)
    return (("Vial", cell(vial.id)), ("Frozen", cell(frozen)), ("Ended", cell(ended)))


def _patient(record: BatchRecord) -> Cell:
    parents = {kin.parent for kin in record.parents}
    children = {kin.child for kin in record.parents}
    roots = sorted(parents - children)
    if not roots:
        return cell(
            "not entered: whose cells these are is not known to the ledger", "", Tone.UNSURE
        )
    return cell(", ".join(roots))


def _kin(record: BatchRecord, zone: ZoneInfo) -> Iterable[Block]:
    columns = [("What", 5), ("Came from", 5), ("How", 3), ("When", 5), ("By", 4)]
    yield Heading("Comes from")
    if record.parents:
        yield table(columns, (_kin_row(kin, zone) for kin in record.parents))
    else:
        yield Text("Nothing is entered.", Tone.SOFT)
    yield Heading("Came of it")
    if record.children:
        most = 60
        rows = (_kin_row(kin, zone) for kin in record.children[:most])
        yield table(columns, rows, left_out(len(record.children), most, "descendants"))
    else:
        yield Text("Nothing is entered.", Tone.SOFT)


def _kin_row(kin: Kin, zone: ZoneInfo) -> tuple[str, ...]:
    return kin.child, kin.parent, kin.kind, moment(zone, kin.at), kin.by


def short(text: str, most: int) -> str:
    """For where one line has to do; the sections have it all."""
    return text if len(text) <= most else f"{text[:most]} …"


def footer(name: str, made: Made) -> str:
    """What stands at the foot of each page of the record ``name``."""
    at = _EPOCH + timedelta(milliseconds=made.at)
    return f"Record {name} · made {at:%Y-%m-%d %H:%M:%S} UTC by {made.by}"


def dated(made: Made) -> tuple[int, int, int, int, int, int]:
    """Year to second, UTC."""
    at = _EPOCH + timedelta(milliseconds=made.at)
    return at.year, at.month, at.day, at.hour, at.minute, at.second


def _by(when: str, who: str, why: str) -> str:
    return f"{when} by {who}" + (f" ({why})" if why else "")
