"""What can be wrong with a site file; each mistake is a line that says where and what to do."""

import re
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from culturewatch.secret import Secret, SecretError
from culturewatch.site_file import Device, SiteFile
from devices import document
from devices.profile import Profile

Place = tuple[Path, str, int, Device]
"""A declared device: its file, table, index in the table, and itself."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
_WAYS = frozenset({"mail", "webhook", "inbox"})


def at(path: Path, table: str, index: int, field: str | None = None) -> str:
    """Where a table stands: file, line and path."""
    text = path.read_text(encoding="utf-8")
    line = document.line_of(text, f"{table}[{index}]", field)
    return f"{path}:{line}: {table}[{index}]"


def head_mistakes(path: Path, file: SiteFile) -> Iterator[str]:
    """Mistakes in ``[site]``, the policies and the people."""
    if not _ID.fullmatch(file.site.id):
        yield f"{path}: site.id: {file.site.id!r} may hold letters, digits, - and _ only"
    try:
        ZoneInfo(file.site.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        yield (
            f"{path}: site.time_zone: {file.site.time_zone!r} is no zone; "
            "write one such as Europe/Vienna"
        )
    people = {person.id for person in file.person}
    for n, policy in enumerate(file.policy):
        named = {who for step in policy.steps for who in step.to} | set(policy.fallback)
        for who in sorted(named - people):
            yield f"{at(path, 'policy', n)} ({policy.id}): nobody is declared as person {who!r}"
        if not policy.steps:
            yield f"{at(path, 'policy', n)} ({policy.id}): a policy needs at least one step"
    yield from _person_mistakes(path, file)


def _person_mistakes(path: Path, file: SiteFile) -> Iterator[str]:
    served = (
        {"inbox"} | ({"mail"} if file.mail else set()) | ({"webhook"} if file.webhook else set())
    )
    for n, person in enumerate(file.person):
        where = f"{at(path, 'person', n, 'channels')} ({person.id})"
        if not person.channels:
            yield f"{where}: has no channel; name some of {', '.join(sorted(_WAYS))}"
        for way in person.channels:
            if way not in _WAYS:
                yield f"{where}: {way!r} is no channel; known: {', '.join(sorted(_WAYS))}"
            elif way not in served:
                yield f"{where}: is to be reached by {way}, but there is no [{way}] table"
            elif way != "inbox" and way not in person.addresses:
                yield f"{where}: addresses has no {way}"


def secret_mistakes(path: Path, file: SiteFile) -> Iterator[str]:
    """Secrets that are declared and cannot be had."""
    wanted: list[tuple[str, Secret | None]] = [
        ("influx.token", file.influx.token if file.influx else None),
        ("mail.password", file.mail.password if file.mail else None),
        ("webhook.secret", file.webhook.secret if file.webhook else None),
        *((f"broker[{n}].password", broker.password) for n, broker in enumerate(file.broker)),
    ]
    text = path.read_text(encoding="utf-8")
    for name, secret in wanted:
        if secret is None:
            continue
        try:
            secret.reveal(path.parent)
        except SecretError as error:
            yield f"{path}:{document.line_of(text, name)}: {name}: {error}"


def id_mistakes(path: Path, file: SiteFile, declared: list[Place]) -> Iterator[str]:
    """Ids that are not fit to be one, or stand twice."""
    tables: list[tuple[str, list[tuple[Path, int, str]]]] = [
        ("endpoint", [(path, n, e.id) for n, e in enumerate(file.endpoint)]),
        ("broker", [(path, n, b.id) for n, b in enumerate(file.broker)]),
        ("person", [(path, n, p.id) for n, p in enumerate(file.person)]),
        ("policy", [(path, n, p.id) for n, p in enumerate(file.policy)]),
        ("device", [(where, n, device.id) for where, _, n, device in declared]),
    ]
    for table, entries in tables:
        seen: dict[str, str] = {}
        for where, n, name in entries:
            place = at(where, table, n, "id")
            if not _ID.fullmatch(name):
                yield f"{place}: id {name!r} may hold letters, digits, - and _ only"
            if name in seen:
                yield f"{place}: id {name!r} is taken already, at {seen[name]}"
            seen.setdefault(name, place)


def transport_mistakes(device: Device, profile: Profile, file: SiteFile) -> Iterator[str]:
    """Where a device is declared to be, against what its profile speaks."""
    if profile.modbus is not None:
        if device.broker or device.topic:
            yield f"{profile.model} is read over Modbus; give endpoint, not broker and topic"
        elif device.endpoint not in {e.id for e in file.endpoint}:
            yield f"no [[endpoint]] is called {device.endpoint!r}"
        if device.unit is not None and not 0 <= device.unit <= 255:  # noqa: PLR2004 # one byte
            yield f"unit {device.unit} is outside 0 to 255"
        return
    if device.endpoint or device.unit is not None:
        yield f"{profile.model} speaks over MQTT; give broker and topic, not endpoint and unit"
    elif device.broker not in {b.id for b in file.broker}:
        yield f"no [[broker]] is called {device.broker!r}"
    if not device.topic or any(c in device.topic for c in "+#"):
        yield f"topic {device.topic!r} must name one topic, without + and #"
