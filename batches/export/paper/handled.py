"""When the devices were opened or filled during the stays, and what the other channels read."""

from collections.abc import Iterator, Sequence
from zoneinfo import ZoneInfo

from batches.excursion import Excursion
from batches.export.paper.sheet import (
    LISTED,
    Block,
    Cell,
    Heading,
    Section,
    Text,
    Tone,
    cell,
    left_out,
    table,
)
from batches.export.wording import moment, number, span, unit
from batches.findings import Stay
from batches.handling import Handling, What, tells
from batches.record import BatchRecord
from batches.survey import Channel

_WORDS = {What.OPENED: ("opening", "openings"), What.FILLED: ("fill with LN2", "fills with LN2")}


def handled(record: BatchRecord, zone: ZoneInfo) -> Section:
    """Every opening and fill of every stay, in a list of their own."""
    blocks: list[Block] = []
    for what in What:
        found = [(s, h) for s in record.stays for h in s.handlings if h.what is what]
        blocks += _list(what, found, zone)
    blocks += _untold(record)
    return Section("Openings and fills", tuple(blocks))


def counts(record: BatchRecord) -> str:
    """How often devices were opened and filled, and for how long in all, as far as they tell."""
    channels = _channels(record)
    said = []
    for what in What:
        found = [h for s in record.stays for h in s.handlings if h.what is what]
        telling = [device for device, known in channels.items() if tells(known, what)]
        silent = [d for d, known in channels.items() if d not in telling and _can(known, what)]
        one, many = _WORDS[what]
        if telling:
            length = f" ({span(sum(each.length for each in found))})" if found else ""
            told = f"{len(found):,} {one if len(found) == 1 else many}{length}"
            said.append(f"{told}, not known of {', '.join(silent)}" if silent else told)
        elif silent:
            said.append(f"{many} not known")
    return "; ".join(said) or "in no device"


def meanwhile(record: BatchRecord, stay: Stay, excursion: Excursion) -> str:
    """Whether the device stood open in an excursion of ``stay``, as far as it tells."""
    start, end = excursion.start, excursion.end
    within = [
        min(each.end, end) - max(each.start, start)
        for each in stay.handlings
        if each.what is What.OPENED and each.start < end and start < each.end
    ]
    if within:
        return f"device open for {span(sum(within))} of it"
    if not tells(_channels(record)[stay.placement.device], What.OPENED):
        return "not known whether the device was open"
    return "device not known to have been open"


def _list(what: What, found: list[tuple[Stay, Handling]], zone: ZoneInfo) -> Iterator[Block]:
    if not found:
        return
    many = _WORDS[what][1]
    total = span(sum(each.length for _, each in found))
    yield Heading(f"{many[0].upper()}{many[1:]}: {len(found):,}, {total} in all")
    # The longest of too many, so that paper never leaves out the worst.
    longest = sorted(found, key=lambda each: each[1].length, reverse=True)[:LISTED]
    columns = [
        *((">Stay", 1.1), ("Channel", 3.2), ("From", 3.0), ("Until", 3.0), (">Length", 1.8)),
        ("Lowest and highest reading meanwhile", 6.5),
    ]
    rows = sorted(longest, key=lambda each: (each[1].start, each[1].channel))
    note = left_out(len(found), LISTED, many, "longest")
    yield table(columns, (_row(stay, each, zone) for stay, each in rows), note)


def _row(stay: Stay, each: Handling, zone: ZoneInfo) -> tuple[Cell | str, ...]:
    sure = each.start_known and each.end_known
    return (
        str(stay.number),
        each.channel,
        cell(moment(zone, each.start), "" if each.start_known else "or before"),
        cell(moment(zone, each.end), "" if each.end_known else "or later"),
        cell(span(each.length), "" if sure else "or longer"),
        _meanwhile(each),
    )


def _meanwhile(each: Handling) -> Cell:
    if not each.meanwhile:
        return cell("no good reading", "", Tone.UNSURE)
    return cell(
        "\n".join(
            f"{one.channel.rpartition('.')[2].replace('_', ' ')}: {number(one.minimum)} to "
            f"{number(one.maximum)} {unit(one.unit)}".rstrip()
            for one in each.meanwhile
        )
    )


def _untold(record: BatchRecord) -> Iterator[Block]:
    """Devices that do not tell: there nothing is known, which is not that nothing happened."""
    yield Heading("What the devices tell")
    for device, known in _channels(record).items():
        opened, filled = (tells(known, what) for what in (What.OPENED, What.FILLED))
        if not opened:
            text = f"{device} has no channel that tells of its door or lid: openings are not known."
            yield Text(text, Tone.UNSURE)
        elif not any(h.what is What.OPENED for h in _of(record, device)):
            yield Text(f"{device}: no opening was told.", Tone.SOFT)
        if filled and not any(h.what is What.FILLED for h in _of(record, device)):
            yield Text(f"{device}: no fill was told.", Tone.SOFT)
        elif not filled and _can(known, What.FILLED):
            text = f"{device} has no channel that tells of fills; see the chart of what it holds."
            yield Text(text, Tone.UNSURE)
    yield Text(
        "An opening or fill is known as far as the channel told of it: “or before”, “or later” "
        "and “or longer” stand where it went on beyond the stay, or into a gap.",
        Tone.SOFT,
    )


def _channels(record: BatchRecord) -> dict[str, tuple[Channel, ...]]:
    """What is measured in each device that it stood in."""
    known = {each.id: each.channels for each in record.setting.equipment}
    return {s.placement.device: known.get(s.placement.device, ()) for s in record.stays}


def _can(known: Sequence[Channel], what: What) -> bool:
    """Whether such a thing is done to a device that measures this."""
    return what is What.OPENED or any(each.quantity in {"level", "mass"} for each in known)


def _of(record: BatchRecord, device: str) -> list[Handling]:
    return [h for s in record.stays if s.placement.device == device for h in s.handlings]
