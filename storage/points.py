"""Readings as points: every measurement, tag and field name that is written stands here.

One point a channel and instant, a measurement a quantity::

    oxygen,channel=room1.o2,device=room1,site=lab quality="good",value=20.9 1700000000000

Absence is a point too: it has a quality and no value. ``source`` is there when a reading did
not come in live, ``repeat`` when its message may be the repeat of another. The time is the
scan's, in milliseconds.

Measurement, tags and time identify a point, so writing one again changes nothing. Two scans of
one device with the same time would become one point; the journal keeps both.
"""

from functools import lru_cache
from unicodedata import category
from urllib.parse import quote

from devices.quality import Quality
from devices.scan import Layout, Scan, Source
from devices.units import STORED_UNIT

MEASUREMENTS = tuple(STORED_UNIT)
"""A measurement for each quantity, in its stored unit."""

SITE, DEVICE, CHANNEL = "site", "device", "channel"
VALUE, QUALITY, SOURCE, REPEAT = "value", "quality", "source", "repeat"

TAGS = (CHANNEL, DEVICE, SITE)
"""Sorted by key, which spares the server the sorting. ``channel`` is ``device.key``."""

FIELDS = (QUALITY, REPEAT, SOURCE, VALUE)
"""Two texts around a boolean and a number: quality, source; repeat; value."""

PRECISION = "ms"

QUALITIES = tuple(quality.word for quality in Quality)
SOURCES = tuple(source.name.lower() for source in Source)

LAYOUTS_KEPT = 4_096


class PointWriter:
    """Writes the scans of one site as line protocol."""

    def __init__(self, site: str) -> None:
        self._site = site
        self._heads = lru_cache(maxsize=LAYOUTS_KEPT)(self._heads_of)

    def lines(self, scan: Scan) -> list[str]:
        """A line for each channel of ``scan``, each with its line end."""
        by_quality = self._heads(scan.layout)
        end = _end(scan)
        if not any(scan.qualities) and None not in scan.values:
            return [
                f"{head}{value!r}{end}"
                for head, value in zip(by_quality[Quality.GOOD], scan.values, strict=True)
            ]
        return [
            f"{by_quality[code][n]}{value!r}{end}"
            if value is not None
            else f"{by_quality[code][n]}{end}"
            for n, (value, code) in enumerate(zip(scan.values, scan.qualities, strict=True))
        ]

    def _heads_of(self, layout: Layout) -> tuple[tuple[str, ...], ...]:
        series = [
            _series(quantity, {CHANNEL: channel, DEVICE: layout.device, SITE: self._site})
            for channel, quantity in zip(layout.channels, layout.quantities, strict=True)
        ]
        return tuple(tuple(f"{one} {_field(quality)}" for one in series) for quality in Quality)


def _field(quality: Quality) -> str:
    written = f'{QUALITY}="{quality.word}"'
    return f"{written},{VALUE}=" if quality.has_value else written


def _end(scan: Scan) -> str:
    source = "" if scan.source is Source.LIVE else f',{SOURCE}="{SOURCES[scan.source]}"'
    repeat = f",{REPEAT}=true" if scan.repeat else ""
    return f"{source}{repeat} {scan.at}\n"


def _series(measurement: str, tags: dict[str, str]) -> str:
    written = "".join(f",{key}={escaped(value)}" for key, value in tags.items() if value)
    return f"{escaped(measurement, special=' ,')}{written}"


def escaped(name: str, *, special: str = " ,=") -> str:
    """``name`` as a tag's value, the same in InfluxDB 2 and 3; a measurement keeps its ``=``.

    What is ``special`` gets the backslash of line protocol. What the servers read differently
    or not at all (backslashes, quotes, control characters, a ``#`` that would start a comment)
    and the percent sign itself are written as in a URL: ``%5C``.
    """
    plain = "".join(_url_encoded(letter) if _is_unsafe(letter) else letter for letter in name)
    if plain.startswith("#"):
        plain = f"%23{plain[1:]}"
    return "".join(f"\\{letter}" if letter in special else letter for letter in plain)


def _is_unsafe(letter: str) -> bool:
    # A lone surrogate (Cs) has no UTF-8; the other separators (Zl, Zp) end lines in some readers.
    return letter in '\\%"' or category(letter) in {"Cc", "Cs", "Zl", "Zp"}


def _url_encoded(letter: str) -> str:
    return quote(letter.encode("utf-8", "surrogatepass"), safe="")
