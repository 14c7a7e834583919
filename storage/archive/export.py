"""Readings of channels as a table for other programs: CSV or Parquet, a row a reading."""

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from devices.quality import Quality
from devices.scan import Layout, Scan
from devices.units import STORED_UNIT
from storage.archive.seal import PART
from storage.whole import unwritten

_AT_ONCE = 20_000
COLUMNS = (
    *("time", "channel", "quantity", "value", "unit", "quality", "source", "repeat"),
    *("received", "time_ms"),
)
Row = tuple[str, str, str, float | None, str, str, str, bool, str, int]


class ExportError(Exception):
    """What is asked for cannot be exported; the text says why and what to do."""


class Scans(Protocol):
    """Where readings come from; ``storage.archive.log.LogReader`` is one."""

    def scans(self, device: str, start: int, end: int) -> Iterator[Scan]:
        """Scans of a device in ``[start, end)``, epoch ms, in the order of time."""
        ...


class Asked(NamedTuple):
    """Which channels, of ``[start, end)`` (epoch ms)."""

    channels: Sequence[str]
    start: int
    end: int


class _Table(Protocol):
    def write(self, rows: Sequence[Row]) -> None: ...
    def close(self) -> None: ...


def devices_of(channels: Sequence[str], layouts: Mapping[int, Layout]) -> dict[str, list[str]]:
    """The keys that are wanted of each device.

    Raises:
        ExportError: a channel was never read.
    """
    known = {channel: layout for layout in layouts.values() for channel in layout.channels}
    unknown = [channel for channel in channels if channel not in known]
    if unknown:
        devices = {layout.device for layout in layouts.values()}
        near = [one for one in sorted(known) if one.rpartition(".")[0] in unknown[0]]
        raise ExportError(
            f"{unknown[0]}: no such channel was ever read; there are "
            f"{', '.join(near or sorted(devices)) or 'none yet'}"
        )
    wanted: dict[str, list[str]] = {}
    for channel in dict.fromkeys(channels):
        device = known[channel].device
        wanted.setdefault(device, []).append(channel.removeprefix(f"{device}."))
    return wanted


def export(
    asked: Asked,
    out: Path,
    *,
    readings: Scans,
    layouts: Mapping[int, Layout],
    progress: Callable[[int, int], None],
) -> int:
    """Write the readings into ``out``, whole or not at all; how many there were.

    They come device by device, each in the order of time. Memory does not grow with them.

    Raises:
        ExportError: a channel is unknown, ``out`` is there, or no table is called so.
        OSError: it cannot be written.
        storage.waiting.JournalError: the journal cannot be read.
    """
    wanted = devices_of(asked.channels, layouts)
    if out.exists():
        raise ExportError(f"{out}: is there already; name a file that is not")
    if out.suffix not in {".csv", ".parquet"}:
        raise ExportError(f"{out}: say .csv or .parquet at its end")
    part = out.with_name(out.name + PART)
    try:
        table = _opened(part, out.suffix)
        try:
            count = _fill(table, asked, wanted, readings, progress)
        finally:
            table.close()
        _force(part)
        part.rename(out)
    except OSError as error:
        raise unwritten(out, error) from error
    finally:
        part.unlink(missing_ok=True)
    return count


def _fill(
    table: _Table,
    asked: Asked,
    wanted: Mapping[str, Sequence[str]],
    readings: Scans,
    progress: Callable[[int, int], None],
) -> int:
    span, count = asked.end - asked.start, 0
    rows: list[Row] = []
    for n, (device, keys) in enumerate(wanted.items()):
        for scan in readings.scans(device, asked.start, asked.end):
            rows += _rows(scan, keys)
            if len(rows) >= _AT_ONCE:
                table.write(rows)
                count += len(rows)
                rows = []
                progress(n * span + scan.at - asked.start, len(wanted) * span)
    table.write(rows)
    progress(len(wanted) * span, len(wanted) * span)
    return count + len(rows)


def _rows(scan: Scan, keys: Sequence[str]) -> Iterator[Row]:
    layout = scan.layout
    for key in keys:
        if key not in layout.keys:
            continue
        n = layout.keys.index(key)
        quantity = layout.quantities[n]
        yield (
            _time(scan.at),
            f"{layout.device}.{key}",
            quantity,
            scan.values[n],
            str(STORED_UNIT.get(quantity, "")),
            Quality(scan.qualities[n]).word,
            scan.source.name.lower(),
            scan.repeat,
            _time(scan.received),
            scan.at,
        )


def _time(at: int) -> str:
    """ISO 8601, UTC, to the millisecond; a time that no calendar has stays a number."""
    try:
        text = datetime.fromtimestamp(at // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    except (OverflowError, ValueError, OSError):
        return str(at)
    return f"{text}.{at % 1000:03d}Z"


def _opened(part: Path, kind: str) -> _Table:
    if kind == ".csv":
        return _Csv(part)
    from storage.archive.parquet import RowsWriter  # noqa: PLC0415 # pyarrow

    return RowsWriter(part, COLUMNS)


class _Csv:
    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._writer = csv.writer(self._file)
        self._writer.writerow(COLUMNS)

    def write(self, rows: Sequence[Row]) -> None:
        self._writer.writerows(rows)

    def close(self) -> None:
        self._file.close()


def _force(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
