"""``culturewatch probe mqtt://…``: what devices announce at a broker, and how to declare it."""

import json
import re
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import msgspec

from collector.mqtt_look import retained
from collector.mqtt_settings import BrokerSettings, TlsFiles
from culturewatch.probe_target import TargetError
from devices.announcement import (
    PARTS,
    PREFIX,
    Announced,
    Transmitter,
    Unread,
    announced,
    transmitters,
)

PORTS = {"mqtt": 1883, "mqtts": 8883}
PASSWORD = "CULTUREWATCH_PROBE_PASSWORD"  # noqa: S105 # the name of a variable
QUIET_S, MOST_S = 1.0, 15.0
_NO_ID = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST = 120


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What is announced at a broker; ``refused`` are topics that it does not let us read."""

    broker: str
    transmitters: tuple[Transmitter, ...]
    unread: tuple[Unread, ...]
    refused: dict[str, str]


def settings(endpoint: str, password: str) -> BrokerSettings:
    """The broker of ``mqtt://USER@HOST:PORT``, or ``mqtts://``.

    Raises:
        TargetError: it is written in another way, or holds a password.
    """
    how = f"{endpoint!r} is no broker; write mqtt://HOST:PORT or mqtts://USER@HOST"
    try:
        parts = urlsplit(endpoint)
        port = parts.port or PORTS[parts.scheme]
    except (ValueError, KeyError):
        raise TargetError(how) from None
    if parts.password is not None:
        # Not repeated: it would stand in a log, as it does in the list of processes already.
        raise TargetError(f"a broker's password is not typed here; put it into {PASSWORD}")
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise TargetError(how)
    return BrokerSettings(
        id="probe",
        host=parts.hostname,
        port=port,
        client_id=f"culturewatch-probe-{uuid.uuid4().hex[:12]}",
        username=parts.username or "",
        password=password,
        tls=TlsFiles() if parts.scheme == "mqtts" else None,
        lasting=False,
    )


async def listen(
    broker: BrokerSettings,
    *,
    prefix: str = PREFIX,
    quiet_s: float = QUIET_S,
    most_s: float = MOST_S,
) -> Heard:
    """Read what is announced below ``prefix``.

    Raises:
        collector.errors.LinkError: the broker cannot be reached, refuses, or the connection ended.
    """
    topics = [f"{prefix}/{part}" for part in PARTS]
    messages, refused = await retained(broker, topics, quiet_s=quiet_s, most_s=most_s)
    said = [announced(one.topic, one.payload) for one in messages if one.payload]
    return Heard(
        broker=broker.address,
        transmitters=transmitters(one for one in said if isinstance(one, Announced)),
        unread=tuple(one for one in said if isinstance(one, Unread)),
        refused=refused,
    )


def lines(heard: Heard, broker: BrokerSettings) -> Iterator[str]:
    """The report, line by line: profiles to copy, and the lines for ``site.toml``."""
    for topic, why in heard.refused.items():
        yield f"# the broker does not let {topic} be read: {_line(why)}"
    for unread in heard.unread:
        yield f"# {_line(unread.topic)}: {_line(unread.why)}"
    if not heard.transmitters:
        yield f"# {heard.broker}: nothing is announced there that can be read"
        return
    names = _named(heard.transmitters)
    for name, one in names.items():
        yield ""
        yield f"# for profiles/{name}.toml; what is not announced is to be filled in"
        yield from profile(one)
    yield ""
    yield "# for site.toml"
    yield "[[broker]]"
    yield f"id = {_quoted(_id(broker.host))}"
    yield f"host = {_quoted(broker.host)}"
    yield f"port = {broker.port}"
    if broker.username:
        yield f"username = {_quoted(broker.username)}"
        yield 'password = { env = "MQTT_PASSWORD" }'
    if broker.tls is not None:
        yield "tls = {}"
    for name, one in names.items():
        yield ""
        yield "[[device]]"
        yield f"id = {_quoted(name)}"
        yield f"profile = {_quoted(name)}"
        yield f"broker = {_quoted(_id(broker.host))}"
        yield f"topic = {_quoted(one.topic)}"


def profile(one: Transmitter) -> Iterator[str]:
    """The profile of a transmitter, as it may be loaded; what is not known is said in comments."""
    yield f"model = {_quoted(one.model or 'fill in')}"
    yield f"maker = {_quoted(one.maker or 'fill in')}"
    yield 'manual = "as it announces itself for Home Assistant; fill in where that is described"'
    if one.expires_s:
        # Three periods of silence are stale here; there it is one span.
        period_s = max(one.expires_s // 3, 1)
        yield f'period = "{period_s}s"  # its values expire after {one.expires_s} s'
    else:
        yield 'period = "1m"  # fill in: how often it publishes'
    yield "verify = true"
    yield ""
    yield "[mqtt]"
    yield "# stamp and sequence: fill in where the payload has them"
    for channel in one.channels:
        low, high = channel.range
        words = ", ".join(f"{_quoted(word)} = {value}" for word, value in channel.words.items())
        mapped = f", words = {{ {words} }}" if words else ""
        is_state = channel.quantity == "state"
        yield ""
        yield "[[channels]]"
        yield f"key = {_quoted(channel.key)}"
        yield f"quantity = {_quoted(channel.quantity)}"
        yield f"unit = {_quoted(channel.unit)}"
        yield f"resolution = {'1' if is_state else '0.1  # fill in'}"
        told = "" if is_state else "  # fill in: what the sensor can read"
        yield f"range = [{low:g}, {high:g}]{told}"
        yield f'source = {{ via = "json", path = {_quoted(channel.path)}{mapped} }}'


def _named(found: tuple[Transmitter, ...]) -> dict[str, Transmitter]:
    """Each under an id of its own, made of its topic."""
    names: dict[str, Transmitter] = {}
    for one in found:
        name, number = _id(one.topic), 2
        while name in names:
            name, number = f"{_id(one.topic)}-{number}", number + 1
        names[name] = one
    return names


def _id(text: str) -> str:
    return _NO_ID.sub("-", text).strip("-").lower()[:60] or "device"


def _line(text: str) -> str:
    """What a stranger wrote, on one line and short."""
    shown = "".join(c if c.isprintable() else "?" for c in text)
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}…"


def _quoted(text: str) -> str:
    return json.dumps("".join(c if c.isprintable() else "?" for c in text), ensure_ascii=False)
