"""Queries of readings in InfluxQL, from the names that points are written with."""

from devices.quality import Quality
from storage.points import CHANNEL, DEVICE, MEASUREMENTS, QUALITY, VALUE

INTERVAL = "$__interval"
SPANS = 36
ONE_DEVICE = f'"{DEVICE}" =~ /^${{device:regex}}$/'
TRUSTED = f"\"{QUALITY}\" = '{Quality.GOOD.word}'"
NOT_TRUSTED = f"\"{QUALITY}\" <> '{Quality.GOOD.word}'"


def select(what: str, measurement: str, *where: str, by: str = f'"{CHANNEL}"') -> str:
    """``what`` of a measurement in the span that is shown, for each series of ``by``.

    Raises:
        ValueError: no quantity is stored under that measurement.
    """
    return _query(what, _named(measurement), where, by)


def over_time(
    function: str, measurement: str, *where: str, field: str = VALUE, every: str = INTERVAL
) -> str:
    """A curve for each channel. Where nothing was read there is nothing, and nothing is filled.

    Raises:
        ValueError: no quantity is stored under that measurement.
    """
    by = f'time({every}), "{CHANNEL}" fill(null)'
    return _query(f'{function}("{field}")', _named(measurement), where, by)


def of_all(what: str, *where: str, by: str) -> str:
    """``what`` of every measurement."""
    return _query(what, ", ".join(f'"{one}"' for one in MEASUREMENTS), where, by)


def until_empty(measurement: str, *where: str) -> str:
    """Hours until nothing is left, by how fast it fell over the last 36 spans of ten minutes.

    Short spans, for the newest one is not whole: the mean of half a span would lie at another time
    than the derivative takes it for. While it rises, as in a filling, nothing is said.
    """
    mean = f'mean("{VALUE}")'
    fell = f"moving_average(derivative({mean}, 1h), {SPANS})"
    by = f'time(10m), "{CHANNEL}" fill(none)'
    known = _query(f'{mean} AS "level", {fell} AS "an_hour"', _named(measurement), where, by)
    return (
        f'SELECT "level" / (0 - "an_hour") AS "{VALUE}" FROM ({known}) '
        f'WHERE "an_hour" < 0 GROUP BY "{CHANNEL}"'
    )


def channel(*keys: str) -> str:
    """Only channels of these keys, of whatever device."""
    return f'"{CHANNEL}" =~ /\\.({"|".join(keys)})$/'


def devices(measurement: str = "") -> str:
    """The devices that there are, or those with a channel of ``measurement``."""
    source = ["FROM", _named(measurement)] if measurement else []
    return " ".join(["SHOW TAG VALUES", *source, f'WITH KEY = "{DEVICE}"'])


def _named(measurement: str) -> str:
    if measurement not in MEASUREMENTS:
        raise ValueError(f"no measurement is called {measurement!r}")
    return f'"{measurement}"'


def _query(what: str, source: str, where: tuple[str, ...], by: str) -> str:
    conditions = " AND ".join(("$timeFilter", *where))
    return f"SELECT {what} FROM {source} WHERE {conditions} GROUP BY {by}"
