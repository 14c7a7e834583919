"""Sparkplug B payloads: what a birth, data or death message holds (Sparkplug 3.0.0, chapter 6)."""

import msgspec

from devices.decoded import PoisonError
from devices.dialects.wire import WireError, bytes_field, fields, float_of, varint_field
from devices.json_codec import LARGEST
from devices.meaning import MISSING

REBIRTH = "Node Control/Rebirth"
BDSEQ = "bdSeq"
MOST_METRICS = 16_384
"""Metrics of the largest payload that is read."""
_BOOLEAN = 11
_UNSIGNED = {5: 8, 6: 16, 7: 32, 8: 64, 13: 64}
_SIGNED = {1: 8, 2: 16, 3: 32, 4: 64}
_FLOATS = {9, 10}
_FLOAT_BYTES = {12: 4, 13: 8}
_TEXTS = {12, 14, 15}
_GOOD, _STALE, _BAD = 192, 500, 0


class Metric(msgspec.Struct, frozen=True, gc=False):
    """One metric as it came. ``raw`` is what stands in the field ``kind`` of its value.

    ``at`` is epoch milliseconds; ``quality`` the property ``Quality``: 192 good, 0 bad, 500 stale.
    """

    name: str = ""
    alias: int | None = None
    at: int | None = None
    datatype: int = 0
    historical: bool = False
    null: bool = False
    kind: int = 0
    raw: int | bytes = 0
    quality: int = _GOOD

    def value(self, datatype: int) -> object:
        """The number, text or boolean that it holds, read as the ``datatype`` of its birth.

        ``None`` where it is null, bad, or not of that type; ``MISSING`` where it is stale.
        """
        if self.quality == _STALE:
            return MISSING
        if self.null or self.quality == _BAD:
            return None
        raw = self.raw
        if isinstance(raw, int):
            return _whole(datatype, self.kind, raw)
        if datatype in _FLOATS and self.kind in _FLOAT_BYTES:
            return float_of(raw) if len(raw) == _FLOAT_BYTES[self.kind] else None
        if datatype in _TEXTS and self.kind == _FIELD_STRING:
            return raw.decode(errors="replace")
        return None


def _whole(datatype: int, kind: int, raw: int) -> object:
    if kind == _FIELD_BOOLEAN:
        return bool(raw) if datatype == _BOOLEAN else None
    if datatype in _UNSIGNED:
        return raw & (1 << _UNSIGNED[datatype]) - 1
    if datatype in _SIGNED:
        bits = _SIGNED[datatype]
        # Two's complement, which some write in as many bits as the type has, some in 32.
        raw &= (1 << bits) - 1
        return raw - (1 << bits) if raw >> (bits - 1) else raw
    return None


class Payload(msgspec.Struct, frozen=True):
    """One payload. ``at`` is epoch milliseconds, ``seq`` 0 to 255; a death of a node has none."""

    at: int | None
    seq: int | None
    metrics: tuple[Metric, ...]

    @property
    def bdseq(self) -> int | None:
        """The number that ties a birth of a node to its death."""
        for metric in self.metrics:
            if metric.name == BDSEQ and isinstance(metric.raw, int) and not metric.null:
                return metric.raw & 0xFF
        return None


_FIELD_STRING, _FIELD_BOOLEAN = 15, 14
_VALUES = range(10, 20)


def parse(data: bytes) -> Payload:
    """The payload in ``data``. Field numbers: sparkplug_b.proto of Sparkplug 3.0.0.

    Raises:
        PoisonError: these bytes are none, or too many.
    """
    if len(data) > LARGEST:
        raise PoisonError(f"{len(data)} bytes; the most that is read is {LARGEST}")
    try:
        held = list(fields(data))
        bodies = [body for n, body in held if n == 2 and isinstance(body, bytes)]  # noqa: PLR2004 # its field
        if len(bodies) > MOST_METRICS:
            raise PoisonError(f"{len(bodies)} metrics; the most that are read are {MOST_METRICS}")
        metrics = tuple(map(_metric, bodies))
    except WireError as error:
        raise PoisonError(f"no Sparkplug payload: {error}") from error
    numbers = {number: content for number, content in held if isinstance(content, int)}
    return Payload(numbers.get(1), numbers.get(3), metrics)


def _metric(data: bytes) -> Metric:
    written = list(fields(data))
    held = dict(written)
    numbers = {number: content for number, content in held.items() if isinstance(content, int)}
    bodies = {number: content for number, content in held.items() if isinstance(content, bytes)}
    # They are one of (oneof): where several are written, the last counts.
    kind = next((number for number, _ in reversed(written) if number in _VALUES), 0)
    return Metric(
        name=bodies.get(1, b"").decode(errors="replace"),
        alias=numbers.get(2),
        at=numbers.get(3),
        datatype=numbers.get(4, 0),
        historical=bool(numbers.get(5, 0)),
        # Without a value it is null, whether it says so or not.
        null=bool(numbers.get(7, 0)) or not kind,
        kind=kind,
        raw=held.get(kind, 0),
        quality=_quality(bodies.get(9, b"")),
    )


def _quality(properties: bytes) -> int:
    """The property ``Quality`` of a property set; good where there is none."""
    held = list(fields(properties))
    keys = [body.decode(errors="replace") for n, body in held if n == 1 and isinstance(body, bytes)]
    bodies = [body for n, body in held if n == 2 and isinstance(body, bytes)]  # noqa: PLR2004 # its field
    for key, body in zip(keys, bodies, strict=False):
        numbers = dict(fields(body))
        value = numbers.get(3, numbers.get(4, 0))
        if key == "Quality":
            return value if isinstance(value, int) else _BAD
    return _GOOD


def rebirth_request(now: int) -> bytes:
    """The payload of an NCMD that asks an edge node to be born again; ``now`` is epoch ms."""
    metric = (
        bytes_field(1, REBIRTH.encode())
        + varint_field(3, now)
        + varint_field(4, _BOOLEAN)
        + varint_field(14, 1)
    )
    return varint_field(1, now) + bytes_field(2, metric)
