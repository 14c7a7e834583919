"""What the readings of a channel sum up to, day by day, so that a record need not read them all.

A bucket says what a device's scans of one day (UTC, by their own time) come to in one part of a
segment: a good sample holds until the next one of the bucket. Nothing is said there of the time
before its first and after its last sample, so that buckets can be joined exactly, at whatever
period samples were due. Values times milliseconds are summed as whole numbers of 2^-60 units, as
``batches.exposure`` does; three limbs of 64 bits hold them.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from devices.quality import Quality
from devices.scan import Layout, Source
from storage.archive import parquet
from storage.archive.columns import Columns, Floats, Integers, codes_of
from storage.archive.days import DAY_MS
from storage.archive.seal import ArchiveError

HIGH_BITS, LIMB_BITS = 10, 25
"""Units of 2^-10 in the highest limb, then 25 bits in each of the two others."""
THETA = 10_000.0
"""Activation energy by the gas constant, kelvin: 83.144 kJ/mol by convention (USP <1160>)."""
_ZERO_C = 273.15
_LARGEST = float(1 << 25)
"""Below this a day's sum fits its limbs."""
TEMPERATURE = "temperature"
_TEXTS = ("device", "key", "quantity")
_DAY = "day"
Table = dict[str, Any]
Places = npt.NDArray[np.intp]


class Buckets(NamedTuple):
    """The buckets of one device in one part; each array is (days, channels), or one a day."""

    layout: Layout
    table: Table


class Samples(NamedTuple):
    """What a device said, in the order of time: a row an instant, a column a channel.

    ``good`` says where the value is one to judge by; what may be a repeat is not in it.
    """

    at: Integers
    values: Floats
    good: npt.NDArray[np.bool_]
    backfilled: npt.NDArray[np.bool_]
    codes: npt.NDArray[np.uint8]


def buckets_of(found: Columns, layouts: Mapping[int, Layout]) -> list[Buckets]:
    """The buckets of the scans in ``found``, which are sorted by layout and time."""
    made: list[Buckets] = []
    begins = np.flatnonzero(np.diff(found.layout, prepend=-1)).tolist()
    # There is none where every row was damaged.
    for begin, end in pairwise([*begins, len(found.layout)]):
        layout = layouts.get(int(found.layout[begin]))
        if layout is None or not layout.keys:
            continue
        samples = samples_of(found.slice(begin, end), len(layout.keys))
        if len(samples.at):
            made.append(Buckets(layout, summed(samples, layout.quantities)))
    return made


def samples_of(found: Columns, width: int) -> Samples:
    """Rows of one layout as samples of its channels."""
    kept = np.flatnonzero(~found.repeat) if found.repeat.any() else np.arange(len(found.at))
    values = found.values[kept, :width]
    marked = codes_of(found, width)
    codes = np.zeros(values.shape, np.uint8) if marked is None else marked[kept]
    tested = found.source[kept] == Source.TEST
    good = (codes == Quality.GOOD) & ~tested[:, None]
    values[~good] = 0.0
    return Samples(
        at=found.at[kept],
        values=values,
        good=good,
        backfilled=found.source[kept] == Source.BACKFILL,
        codes=codes,
    )


def summed(samples: Samples, quantities: Sequence[str], *, longest: int | None = None) -> Table:
    """A bucket for each day and channel of ``samples``, and where a gap is over ``longest`` ms."""
    if len(samples.at) > 1 and not (np.diff(samples.at) > 0).all():
        alone = [
            _summed(channel_of(samples, n), quantities[n : n + 1], longest)
            for n in range(len(quantities))
        ]
        table = {
            name: np.concatenate([each[name] for each in alone], axis=1)
            for name, column in alone[0].items()
            if column.ndim > 1
        } | {"day": alone[0]["day"]}
        return table | _counted(samples, longest)
    return _summed(samples, quantities, longest) | _counted(samples, longest)


def channel_of(samples: Samples, channel: int) -> Samples:
    """One channel; of the samples of one instant the first good one, or else one that is not."""
    good = samples.good[:, channel]
    if len(good) < 2 or (np.diff(samples.at) > 0).all():  # noqa: PLR2004 # a pair
        return Samples(
            samples.at,
            samples.values[:, channel : channel + 1],
            samples.good[:, channel : channel + 1],
            samples.backfilled,
            samples.codes[:, channel : channel + 1],
        )
    order = np.lexsort((np.arange(len(good)), ~good, samples.at))
    at = samples.at[order]
    kept = order[np.flatnonzero(np.diff(at, prepend=at[0] - 1))]
    return Samples(
        samples.at[kept],
        samples.values[kept, channel : channel + 1],
        samples.good[kept, channel : channel + 1],
        samples.backfilled[kept],
        samples.codes[kept, channel : channel + 1],
    )


def _days(at: Integers, longest: int | None) -> tuple[Integers, Places]:
    day = at // DAY_MS
    changes = np.diff(day, prepend=day[0] - 1) != 0
    if longest is not None:
        changes |= np.diff(at, prepend=at[0]) > longest
    begins = np.flatnonzero(changes)
    return day[begins], begins


def _counted(samples: Samples, longest: int | None) -> Table:
    """Counts of every sample, also of those that share an instant."""
    _, begins = _days(samples.at, longest)
    channels = samples.good.shape[1]
    received = np.diff(np.append(begins, len(samples.at)))
    backfilled = np.add.reduceat(samples.backfilled.astype(np.int64), begins)
    wide = (len(begins), channels)
    table: Table = {
        "received": np.broadcast_to(received[:, None], wide),
        "backfilled": np.broadcast_to(backfilled[:, None], wide),
    }
    if longest is not None:
        # Only what is sealed is asked for its qualities.
        return table
    any_marked = samples.codes.any()
    for quality in Quality:
        if any_marked:
            count = np.add.reduceat((samples.codes == quality).astype(np.int64), begins, axis=0)
        else:
            count = table["received"] if quality is Quality.GOOD else np.zeros(wide, np.int64)
        table[quality.word] = count
    return table


def _summed(samples: Samples, quantities: Sequence[str], longest: int | None) -> Table:
    at, values, good = samples.at, samples.values, samples.good
    day, begins = _days(at, longest)
    ends = np.append(begins[1:], len(at)) - 1
    # The last sample of a bucket holds for nothing in it.
    held = np.diff(at, append=at[-1])
    held[ends] = 0
    weight = np.where(good, held[:, None], 0)
    weighed = weight > 0
    magnitude = np.abs(values)
    table: Table = {
        "day": day,
        "judged": np.add.reduceat(good.astype(np.int64), begins, axis=0),
        "first_at": np.broadcast_to(at[begins][:, None], (len(day), values.shape[1])),
        "last_at": np.broadcast_to(at[ends][:, None], (len(day), values.shape[1])),
        "last_good": good[ends],
        "last_value": values[ends],
        "longest": np.broadcast_to(
            np.maximum.reduceat(held, begins)[:, None], (len(day), values.shape[1])
        ),
        "known_ms": np.add.reduceat(weight, begins, axis=0),
        "minimum": np.minimum.reduceat(np.where(weighed, values, np.inf), begins, axis=0),
        "maximum": np.maximum.reduceat(np.where(weighed, values, -np.inf), begins, axis=0),
        "fits": np.maximum.reduceat(magnitude, begins, axis=0) < _LARGEST,
    }
    return table | limbs(values, weight, begins) | heat(values, weight, begins, quantities)


def limbs(values: Floats, weight: Integers, begins: Places) -> Table:
    """Values times weights, summed as whole numbers in three limbs."""
    rest = np.abs(values) * float(1 << HIGH_BITS)
    # What does not fit is never used: "fits" says so.
    rest[rest >= _LARGEST * float(1 << HIGH_BITS)] = 0.0
    signed = np.where(values < 0, -weight, weight)
    table: Table = {}
    for name in ("high", "middle", "low"):
        whole = np.floor(rest)
        table[name] = np.add.reduceat(whole.astype(np.int64) * signed, begins, axis=0)
        rest = (rest - whole) * float(1 << LIMB_BITS)
    return table


def heat(values: Floats, weight: Integers, begins: Places, quantities: Sequence[str]) -> Table:
    """The mean kinetic temperature in parts: sum(w exp(x - peak)), x = -theta / T; the peak."""
    days = len(begins)
    peak, total = np.full((days, values.shape[1]), -np.inf), np.zeros((days, values.shape[1]))
    for n, quantity in enumerate(quantities):
        if quantity != TEMPERATURE:
            continue
        kelvin = values[:, n] + _ZERO_C
        exponent = np.where(
            weight[:, n] > 0, -THETA / np.where(kelvin > 0, kelvin, np.nan), -np.inf
        )
        highest = np.maximum.reduceat(exponent, begins)
        lengths = np.diff(np.append(begins, len(values)))
        shifted = exponent - np.repeat(np.where(np.isfinite(highest), highest, 0.0), lengths)
        peak[:, n] = highest
        total[:, n] = np.add.reduceat(weight[:, n] * np.exp(shifted), begins)
    return {"heat_peak": peak, "heat": total}


def read(path: Path, names: Sequence[str]) -> Table:
    """Columns of what was written at ``path``: text as lists, numbers as arrays.

    Where no scan was one to judge by, nothing was summed up and the file names no numbers.

    Raises:
        storage.archive.seal.ArchiveError: it cannot be read.
    """
    found = parquet.read_table(path, [*names, _DAY])
    if _DAY not in found:
        return {name: [] if name in _TEXTS else np.zeros(0, np.int64) for name in names}
    if lacking := sorted(set(names) - set(found)):
        raise ArchiveError(f"{path}: has no {', '.join(lacking)}; a backup has it")
    return found


def write(path: Path, buckets: Iterable[Buckets]) -> None:
    """Write buckets as a table: a row a part, day and channel.

    Raises:
        OSError: it cannot be written.
    """
    names: dict[str, list[Any]] = {name: [] for name in _TEXTS}
    columns: dict[str, list[Any]] = {}
    for layout, table in buckets:
        days = len(table["day"])
        names["device"] += [layout.device] * (days * len(layout.keys))
        names["key"] += list(layout.keys) * days
        names["quantity"] += list(layout.quantities) * days
        for name, column in table.items():
            flat = column.reshape(-1) if column.ndim > 1 else np.repeat(column, len(layout.keys))
            columns.setdefault(name, []).append(flat)
    joined = {name: np.concatenate(parts) for name, parts in columns.items()}
    parquet.write_table(path, names | joined)
