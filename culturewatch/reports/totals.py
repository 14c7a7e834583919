"""What channels said over a period, summed up as for a batch record."""

from collections.abc import Iterable, Iterator, Mapping

from batches.calibration import Book
from batches.export.listing import Table
from batches.placement import Interval
from batches.setting import Equipment
from batches.summing import NotSummable, Stay, Summing, Total
from batches.survey import survey
from console import words
from storage.archive.log import LogReader

LEAST_KNOWN = 0.95
"""Below this share of good readings a channel is among what is open."""
_COLUMNS = ("device", "channel", "good readings", "lowest", "mean", "highest")


def totals(
    readings: LogReader, devices: Iterable[Equipment], span: Interval, book: Book
) -> dict[str, dict[str, Total]]:
    """Channels by device and key; from the sums of sealed days where they can be used.

    Raises:
        storage.waiting.JournalError: the journal cannot be read.
        storage.archive.seal.ArchiveError: a segment cannot be read.
    """
    wanted = tuple(devices)
    newest = {layout.device: layout for layout in readings.layouts()}
    stays = {each.id: Stay(each.id, span.start, span.end, each.period) for each in wanted}
    summing = Summing(readings, tuple(stays.values()))
    found = {}
    for each in wanted:
        try:
            found[each.id] = summing.totals(stays[each.id], newest[each.id], book)
        except (NotSummable, KeyError):
            found[each.id] = _read(readings, each, stays[each.id], book)
    return found


def _read(readings: LogReader, device: Equipment, stay: Stay, book: Book) -> dict[str, Total]:
    found = survey(
        readings,
        device.id,
        Interval(stay.start, stay.end),
        period=device.period,
        channels=device.channels,
        policies={},
        book=book,
        sink=_unheeded,
    )
    return {
        one.channel.rpartition(".")[2]: Total(
            expected=one.exposure.expected,
            received=one.exposure.received,
            good=one.exposure.good,
            rejected=one.exposure.rejected,
            backfilled=one.exposure.backfilled,
            known_ms=one.exposure.known_ms,
            unknown_ms=one.exposure.unknown_ms,
            minimum=one.exposure.minimum,
            mean=one.exposure.mean,
            maximum=one.exposure.maximum,
            kinetic=one.exposure.kinetic,
        )
        for one in found
    }


def _unheeded(_: object, __: object) -> None:
    pass


def table(devices: Iterable[Equipment], found: Mapping[str, Mapping[str, Total]]) -> Table:
    """A line for each channel."""
    rows: list[tuple[str, ...]] = []
    for device in devices:
        for channel in device.channels:
            total = found[device.id].get(channel.key)
            called = channel.name or words.spaced(channel.key)
            if total is None:
                rows.append((_called(device), called, *(words.NOTHING,) * 4))
                continue
            values = (total.minimum, total.mean, total.maximum)
            rows.append(
                (
                    _called(device),
                    called,
                    _share(total),
                    *(_value(value, channel.unit) for value in values),
                )
            )
    return Table(title="What was measured", file="measured", columns=_COLUMNS, rows=tuple(rows))


def gaps(devices: Iterable[Equipment], found: Mapping[str, Mapping[str, Total]]) -> Iterator[str]:
    """Sentences on what was not known for long."""
    for device in devices:
        poor = [
            channel.name or words.spaced(channel.key)
            for channel in device.channels
            if _known(found[device.id].get(channel.key)) < LEAST_KNOWN
        ]
        if len(poor) == len(device.channels):
            poor = ["all channels"]
        if poor:
            yield (
                f"{_called(device)}: less than {100 * LEAST_KNOWN:.0f} % of the readings are good: "
                f"{', '.join(poor)}."
            )


def _known(total: Total | None) -> float:
    return 0.0 if total is None or not total.expected else total.good / total.expected


def _share(total: Total) -> str:
    share = _known(total)
    # 99.96 % is not all of them.
    return _percent(share if share >= 1 else min(share, 0.999))


def _value(value: float | None, unit: str) -> str:
    # The mean of a state is the share of the time in which it was so.
    if unit == "1" and value is not None:
        return _percent(value)
    return words.measured(value, unit)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _called(device: Equipment) -> str:
    return " ".join(part for part in (device.id, device.name) if part)
