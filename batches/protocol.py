"""A protocol: what each step of a culture allows, in a file with a name and a version.

```toml
name = "fibroblast"
version = "3"

[[step]]
id = "culture"
devices = ["inc*"]
second_check = true
guard_band = true

[[step.limit]]
channel = "temperature"
low = 36.5
high = 37.5
coverage = 99.0
allowed = { low = 34.0, high = 38.0, longest = "30m", times = 1, per = "24h" }
```

With ``guard_band`` its limits are tightened by the uncertainty of the sensor (``batches.policy``).
A stay is judged by the first step that names its device, and a channel by the first limit of that
step that names its key; both may be patterns.
"""

import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from hashlib import sha256
from math import isfinite
from pathlib import Path

import msgspec

from batches.excursion import Limits, in_milli
from batches.policy import Allowed, Policy
from devices import document, duration
from devices.duration import Duration

_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
_ALL = 100
Told = Callable[[str, str | None, str], str]


class ProtocolError(Exception):
    """A protocol cannot be used; the text has one line for each mistake, with file and line."""


class ChannelLimit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """In limits means ``low <= value <= high``, in the stored unit of the channel's quantity.

    ``coverage`` is the percent of the time that must be known, ``allowed`` which excursions are
    no deviation.
    """

    channel: str
    low: float | None = None
    high: float | None = None
    coverage: float = 100.0
    allowed: Allowed | None = None

    def policy(self, *, guard_band: bool) -> Policy:
        """As excursions are judged by it."""
        limits = Limits(low=self.low, high=self.high)
        return Policy(
            limits=limits, allowed=self.allowed, coverage=self.coverage, guard_band=guard_band
        )

    def told(self) -> str:
        """The limit in words."""
        known = f"{self.channel}: {_range(self.low, self.high)}, {self.coverage:g} % known"
        if self.allowed is None:
            return f"{known}, no excursion"
        often = ""
        if self.allowed.times is not None:
            often = f", {self.allowed.times} in {self.allowed.per} at most"
        within = _range(self.allowed.low, self.allowed.high)
        return f"{known}, excursions within {within} for up to {self.allowed.longest}{often}"


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step, which happens in ``devices``; with ``second_check`` two people see to it.

    ``guard_band`` tightens its limits by the uncertainty of the sensor.
    """

    id: str
    devices: tuple[str, ...]
    second_check: bool = False
    guard_band: bool = False
    limit: tuple[ChannelLimit, ...] = ()

    def policy(self, key: str) -> Policy:
        """What holds for the channel ``key``; one without limits where the step says nothing."""
        for limit in self.limit:
            if fnmatchcase(key, limit.channel):
                return limit.policy(guard_band=self.guard_band)
        return Policy()


class Protocol(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All steps of one version."""

    name: str
    version: str
    title: str = ""
    step: tuple[Step, ...] = ()

    @property
    def reference(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"

    def step_in(self, device: str) -> Step | None:
        """The step that happens in ``device``."""
        for step in self.step:
            if any(fnmatchcase(device, pattern) for pattern in step.devices):
                return step
        return None


def load(path: Path) -> Protocol:
    """The protocol in the TOML file at ``path``, checked.

    Raises:
        ProtocolError: it cannot be used; all mistakes.
    """
    try:
        protocol = document.read(path, Protocol)
        text = path.read_text(encoding="utf-8")
    except (document.DocumentError, OSError) as error:
        raise ProtocolError(str(error)) from error

    def told(place: str, field: str | None, what: str) -> str:
        return f"{path}:{document.line_of(text, place, field)}: {what}"

    lines = list(_mistakes(protocol, told))
    if lines:
        raise ProtocolError("\n".join(lines))
    return protocol


def encode(protocol: Protocol) -> str:
    """The protocol as JSON; equal ones give the same text, whatever their files looked like."""
    return msgspec.json.encode(protocol, enc_hook=_written, order="sorted").decode()


def decode(text: str) -> Protocol:
    """The protocol that ``encode`` wrote.

    Raises:
        ProtocolError: it did not write this.
    """
    try:
        return msgspec.json.decode(text, type=Protocol, dec_hook=_read)
    except msgspec.MsgspecError as error:
        raise ProtocolError(f"stored protocol: {error}") from error


def digest(text: str) -> str:
    """SHA-256 of what ``encode`` wrote, in hexadecimal."""
    return sha256(text.encode()).hexdigest()


def _mistakes(protocol: Protocol, told: Told) -> Iterator[str]:
    for field, word in (("name", protocol.name), ("version", protocol.version)):
        if not _WORD.fullmatch(word):
            yield told("", field, f"{field} {word!r} may hold letters, digits, - . and _ only")
    if not protocol.title.isprintable():
        yield told("", "title", f"title {protocol.title!r} holds characters that cannot be shown")
    if not protocol.step:
        yield told("", "name", "there is no [[step]]; without one no stay can be judged")
    seen: set[str] = set()
    for n, step in enumerate(protocol.step):
        for key, what in _step_mistakes(step, seen):
            yield told(f"step[{n}]", key, f"step {step.id!r} {what}")
        seen.add(step.id)


def _step_mistakes(step: Step, seen: set[str]) -> Iterator[tuple[str | None, str]]:
    if not _WORD.fullmatch(step.id):
        yield "id", "may hold letters, digits, - . and _ only"
    if step.id in seen:
        yield "id", "is there twice"
    if not any(step.devices):
        yield "devices", "names no device, so it judges nothing"
    if not step.limit:
        yield None, "has no [[step.limit]], so it judges nothing"
    for limit in step.limit:
        yield from ((None, f"({limit.channel}): {what}") for what in _limit_mistakes(limit))


def _limit_mistakes(limit: ChannelLimit) -> Iterator[str]:
    low, high = limit.low, limit.high
    if low is None and high is None:
        yield "say low, high or both"
    if not all(isfinite(each) for each in (low, high, limit.coverage) if each is not None):
        yield "limits and coverage are numbers"
        return
    if low is not None and high is not None and low > high:
        yield f"low {low:g} lies above high {high:g}"
    if not 0 < limit.coverage <= _ALL or in_milli(limit.coverage) / 1000 != limit.coverage:
        yield f"coverage {limit.coverage:g} is no percentage up to 100, to a thousandth"
    if limit.allowed is not None:
        yield from _allowed_mistakes(limit, limit.allowed)


def _allowed_mistakes(limit: ChannelLimit, allowed: Allowed) -> Iterator[str]:
    if not all(isfinite(each) for each in (allowed.low, allowed.high) if each is not None):
        yield "the allowed range is of numbers"
        return
    if allowed.longest <= 0:
        yield "an excursion of no time is none; say how long it may be"
    if (allowed.times is None) != (allowed.per is None):
        yield "times and per belong together: so many excursions in so much time"
    if allowed.times is not None and allowed.times < 1:
        yield f"times = {allowed.times} allows none; leave `allowed` out"
    if allowed.per is not None and allowed.per <= 0:
        yield "per is a span of time above 0"
    if None not in {allowed.low, limit.low} and (allowed.low or 0) > (limit.low or 0):
        yield f"the allowed range begins at {allowed.low:g}, inside the limits"
    if None not in {allowed.high, limit.high} and (allowed.high or 0) < (limit.high or 0):
        yield f"the allowed range ends at {allowed.high:g}, inside the limits"


def _range(low: float | None, high: float | None) -> str:
    return " to ".join("any" if each is None else f"{each:g}" for each in (low, high))


def _written(value: object) -> str:
    if isinstance(value, Duration):
        return str(value)
    raise NotImplementedError(type(value))


def _read(kind: type, value: object) -> object:
    if kind is Duration and isinstance(value, str):
        return duration.parse(value)
    raise NotImplementedError(kind)
