"""What can be wrong with a site file; each mistake is a line that says where and what to do."""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from alerts import defaults
from alerts.consistency import policy_mistakes
from culturewatch import itself
from culturewatch.endpoints import MODBUS_PORT, kind
from culturewatch.ledger_address import address_mistake
from culturewatch.secret import Secret, SecretError
from culturewatch.site_channel_mistakes import (
    channel_mistakes,
    channel_secrets,
    is_url,
    person_mistakes,
)
from culturewatch.site_file import BeatTo, Broker, BrokerTls, Device, Endpoint, SiteFile
from devices import document
from devices.dialects.address import AddressError, joined, route
from devices.duration import Duration
from devices.profile import Profile

Place = tuple[Path, str, int, Device]
"""A declared device: its file, table, index in the table, and itself."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
LONGEST_BEAT = Duration(60_000)
LONGEST_BUNDLE = Duration(30_000)
_PORTS = range(1, 65_536)


def at(path: Path, table: str, index: int, field: str | None = None) -> str:
    """Where a table stands: file, line and path."""
    text = path.read_text(encoding="utf-8")
    line = document.line_of(text, f"{table}[{index}]", field)
    return f"{path}:{line}: {table}[{index}]"


def of(path: Path, name: str) -> str:
    """Where a single key such as ``site.id`` stands: file, line and name."""
    return f"{path}:{document.line_of(path.read_text(encoding='utf-8'), name)}: {name}"


def head_mistakes(path: Path, file: SiteFile) -> Iterator[str]:
    """Mistakes in ``[site]``, the addresses, the policies and the people."""
    site = file.site
    if not _ID.fullmatch(site.id):
        yield f"{of(path, 'site.id')}: {site.id!r} may hold letters, digits, - and _ only"
    try:
        ZoneInfo(site.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield (
            f"{of(path, 'site.time_zone')}: {site.time_zone!r} is no zone; "
            "write one such as Europe/Vienna"
        )
    if not (math.isfinite(site.max_data_gb) and site.max_data_gb > 0):
        yield (
            f"{of(path, 'site.max_data_gb')}: {site.max_data_gb:g} leaves no room for readings; "
            "write a number of gigabytes above 0"
        )
    if site.bundle > LONGEST_BUNDLE:
        yield (
            f"{of(path, 'site.bundle')}: no page may wait longer than {LONGEST_BUNDLE} for "
            "others; write a span up to that, or 0s to send each by itself"
        )
    yield from _default_rules_mistakes(path, site.default_rules)
    yield from _address_mistakes(path, file)
    yield from _written_mistakes(path, file)
    if file.beat is not None:
        yield from _beat_mistakes(path, file.beat)
    people = frozenset(person.id for person in file.person)
    for n, policy in enumerate(file.policy):
        for what in policy_mistakes(policy, people):
            yield f"{at(path, 'policy', n)} ({policy.id}): {what}"
    yield from _reach_mistakes(path, file)


def _reach_mistakes(path: Path, file: SiteFile) -> Iterator[str]:
    for name, what in channel_mistakes(file, path.parent):
        yield f"{of(path, name)}: {what}"
    for n, person in enumerate(file.person):
        for what in person_mistakes(file, person):
            yield f"{at(path, 'person', n, 'channels')} ({person.id}): {what}"


def _beat_mistakes(path: Path, beat: BeatTo) -> Iterator[str]:
    if not is_url(beat.url):
        # Not the address itself: it may hold a secret of the receiver.
        yield f"{of(path, 'beat.url')}: is no address; write https://name/path"
    if not 0 < beat.every <= LONGEST_BEAT:
        yield f"{of(path, 'beat.every')}: {beat.every} is no beat; write 1s to {LONGEST_BEAT}"


def _default_rules_mistakes(path: Path, wanted: Iterable[str]) -> Iterator[str]:
    for name in sorted({*wanted} - {*defaults.names()}):
        where, known = of(path, "site.default_rules"), ", ".join(defaults.names())
        yield f"{where}: no default rules are called {name!r}; known: {known}"


def _addresses(path: Path, file: SiteFile) -> Iterator[tuple[Callable[[str], str], str, int]]:
    """Hosts and ports, each with what tells where a key of it stands."""
    yield lambda key: of(path, f"console.{key}"), file.console.host, file.console.port
    if file.mail is not None:
        yield lambda key: of(path, f"mail.{key}"), file.mail.host, file.mail.port
    for n, endpoint in enumerate(file.endpoint):
        if endpoint.host:
            port = MODBUS_PORT if endpoint.port is None else endpoint.port
            yield partial(at, path, "endpoint", n), endpoint.host, port
    for n, broker in enumerate(file.broker):
        yield partial(at, path, "broker", n), broker.host, broker.port
    for n, relay in enumerate(file.annunciator):
        yield partial(at, path, "annunciator", n), relay.host, relay.port


def _address_mistakes(path: Path, file: SiteFile) -> Iterator[str]:
    if file.ledger is not None and (wrong := address_mistake(file.ledger.url)):
        yield f"{of(path, 'ledger.url')}: {wrong}"
    for where, host, port in _addresses(path, file):
        if port not in _PORTS:
            yield f"{where('port')}: port {port} is outside 1 to 65535"
        if not is_host(host):
            yield f"{where('host')}: host {host!r} is no name or address of a machine"
    url = file.console.public_url
    if url and not _is_base(url):
        yield f"{of(path, 'console.public_url')}: {url!r} is no address; write https://name"
    yield from _shared_address_mistakes(path, "endpoint", file.endpoint)
    yield from _shared_address_mistakes(path, "broker", file.broker)
    yield from _tls_mistakes(path, file.broker)


def _tls_mistakes(path: Path, brokers: Iterable[Broker]) -> Iterator[str]:
    for n, broker in enumerate(brokers):
        tls = broker.tls or BrokerTls()
        for key, name in (("ca", tls.ca), ("certificate", tls.certificate), ("key", tls.key)):
            if name and not (path.parent / name).is_file():
                where = of(path, f"broker[{n}].tls.{key}")
                yield f"{where}: {name}: there is no such file; put it there"


def _shared_address_mistakes(
    path: Path, table: str, ones: Iterable[Endpoint | Broker]
) -> Iterator[str]:
    seen: dict[str, str] = {}
    for n, one in enumerate(ones):
        place = f"{one.host}:{MODBUS_PORT if one.port is None else one.port}"
        if isinstance(one, Endpoint) and not one.host:
            place = one.serial.port if one.serial is not None else ""
        if place in seen:
            yield (
                f"{at(path, table, n)} ({one.id}): {place} is {seen[place]} already; "
                "put its devices behind that one"
            )
        if place:
            seen.setdefault(place, one.id)


def is_host(host: str) -> bool:
    if not host or any(c.isspace() or not c.isprintable() or c == "/" for c in host):
        return False
    try:
        # What the resolver does first; where it fails, it raises no error of a connection.
        host.encode("idna")
    except UnicodeError:
        return False
    return True


def _written_mistakes(path: Path, file: SiteFile) -> Iterator[str]:
    """Relays that stand where something is measured: that is never written to."""
    # A port that is not said is the profiles': until then any on that machine may be it.
    read = {(_place(one.host), one.port): one.id for one in file.endpoint if one.host}
    seen: dict[tuple[str, int, int, int], str] = {}
    for n, relay in enumerate(file.annunciator):
        where = f"{at(path, 'annunciator', n)} ({relay.id})"
        place = (_place(relay.host), relay.port)
        measured = read.get(place) or read.get((place[0], None))
        if measured:
            yield (
                f"{where}: {relay.host}:{relay.port} is the endpoint {measured}; what measures "
                "is never written to: give the relay an address of its own"
            )
        coil = (*place, relay.unit, relay.coil)
        if coil in seen:
            yield f"{where}: that coil is {seen[coil]} already; give each its own"
        seen.setdefault(coil, relay.id)


def _place(host: str) -> str:
    """One spelling for each address; a name stays the name."""
    if host.rstrip(".").lower() == "localhost":
        return "127.0.0.1"
    try:
        return str(ip_address(host))
    except ValueError:
        return host.rstrip(".").lower()


def _is_base(url: str) -> bool:
    """Whether the path of a link can be appended to it."""
    parts = urlsplit(url) if is_url(url) else None
    return parts is not None and not (parts.query or parts.fragment or parts.username)


def secret_mistakes(path: Path, file: SiteFile) -> Iterator[str]:
    """Secrets that are declared and cannot be had."""
    wanted: list[tuple[str, Secret | None]] = [
        ("influx.token", file.influx.token if file.influx else None),
        ("ledger.password", file.ledger.password if file.ledger else None),
        *channel_secrets(file),
        ("beat.secret", file.beat.secret if file.beat else None),
        ("console.oidc.secret", file.console.oidc.secret if file.console.oidc else None),
        ("signing.password", file.signing.password if file.signing else None),
        *((f"broker[{n}].password", broker.password) for n, broker in enumerate(file.broker)),
        *(
            (f"broker[{n}].tls.key_password", broker.tls.key_password)
            for n, broker in enumerate(file.broker)
            if broker.tls is not None
        ),
        *(
            (f"rota[{n}].feed[{m}].secret_url", feed.secret_url)
            for n, rota in enumerate(file.rota)
            for m, feed in enumerate(rota.feed)
        ),
    ]
    for name, secret in wanted:
        if secret is None:
            continue
        try:
            secret.reveal(path.parent)
        except SecretError as error:
            yield f"{of(path, name)}: {error}"


def id_mistakes(path: Path, file: SiteFile, declared: list[Place]) -> Iterator[str]:
    """Ids that are not fit to be one, or stand twice."""
    tables: list[tuple[str, list[tuple[Path, int, str]]]] = [
        ("endpoint", [(path, n, e.id) for n, e in enumerate(file.endpoint)]),
        ("broker", [(path, n, b.id) for n, b in enumerate(file.broker)]),
        ("person", [(path, n, p.id) for n, p in enumerate(file.person)]),
        ("policy", [(path, n, p.id) for n, p in enumerate(file.policy)]),
        ("rota", [(path, n, r.id) for n, r in enumerate(file.rota)]),
        ("annunciator", [(path, n, a.id) for n, a in enumerate(file.annunciator)]),
        ("report", [(path, n, r.id) for n, r in enumerate(file.report)]),
        ("device", [(where, n, device.id) for where, _, n, device in declared]),
    ]
    for table, entries in tables:
        seen: dict[str, str] = {}
        for where, n, name in entries:
            place = at(where, table, n, "id")
            if not _ID.fullmatch(name):
                yield f"{place}: id {name!r} may hold letters, digits, - and _ only"
            if table == "device" and name == itself.DEVICE:
                yield f"{place}: id {name!r} is that of the system itself; choose another"
            if name in seen:
                yield f"{place}: id {name!r} is taken already, at {seen[name]}"
            seen.setdefault(name, place)


def behind_mistakes(declared: list[Place]) -> Iterator[str]:
    """Devices that are said to be reached by one that there is not, or by themselves."""
    by = {device.id: device.behind for _, _, _, device in declared}
    for where, _, n, device in declared:
        place = at(where, "device", n, "behind")
        if device.behind and device.behind not in by:
            yield f"{place}: {_unknown('device', device.behind, by)}"
        seen, above = {device.id}, device.behind
        while above in by and above not in seen:
            seen.add(above)
            above = by[above]
        if above == device.id:
            yield f"{place}: {device.id} is behind itself; name what leads to it"


def transport_mistakes(device: Device, profile: Profile, file: SiteFile) -> Iterator[str]:
    """Where a device is declared to be, against what its profile speaks."""
    if profile.mqtt is None:
        if device.broker or device.topic:
            how = kind(profile)
            yield f"{profile.model} is read over {how}; give endpoint, not broker and topic"
        elif device.endpoint not in {e.id for e in file.endpoint}:
            yield _unknown("endpoint", device.endpoint, (e.id for e in file.endpoint))
        if device.unit is not None and not 0 <= device.unit <= 255:  # noqa: PLR2004 # one byte
            yield f"unit {device.unit} is outside 0 to 255"
        return
    if device.endpoint or device.unit is not None:
        yield f"{profile.model} speaks over MQTT; give broker and topic, not endpoint and unit"
    elif device.broker not in {b.id for b in file.broker}:
        yield _unknown("broker", device.broker, (b.id for b in file.broker))
    yield from _topic_mistakes(device, profile)


def _topic_mistakes(device: Device, profile: Profile) -> Iterator[str]:
    if not device.topic or any(c in device.topic for c in "+#"):
        yield f"topic {device.topic!r} must name one topic, without + and #"
        return
    try:
        route(joined(device.topic, device.sensor), profile)
    except AddressError as error:
        yield str(error)


def _unknown(table: str, name: str, known: Iterable[str]) -> str:
    if not name:
        return f"{table} is not given; name the [[{table}]] that it is behind"
    return f"no [[{table}]] is called {name!r}; known: {', '.join(known) or 'none'}"
