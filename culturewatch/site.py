"""One laboratory: its file, cross-checked, with the profiles its devices follow."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import msgspec

from alerts import defaults
from collector.address import Address
from console.certificate import TlsFiles
from culturewatch import paths
from culturewatch.console_mistakes import console_mistakes
from culturewatch.endpoints import address, endpoint_mistakes, port
from culturewatch.ledger_address import with_password
from culturewatch.report_mistakes import report_mistakes
from culturewatch.rota_mistakes import drill_mistakes, quiet_mistakes, rota_mistakes
from culturewatch.secret import Secret
from culturewatch.site_file import Broker, Device, DevicesFile, Endpoint, SiteFile
from culturewatch.site_mistakes import (
    Place,
    at,
    behind_mistakes,
    head_mistakes,
    id_mistakes,
    secret_mistakes,
    transport_mistakes,
)
from devices import document
from devices.catalog import ProfileError, find
from devices.dialects.address import joined
from devices.duration import Duration
from devices.profile import Profile


class SiteError(Exception):
    """A site cannot be run. ``mistakes`` are lines that each say where, what, and what to do."""

    def __init__(self, mistakes: Iterable[str]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(self.mistakes))


class SiteDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device of the site with the profile it follows and the period it is read at."""

    declared: Device
    profile: Profile
    period: Duration

    @property
    def id(self) -> str:
        """The id by which everything else calls the device."""
        return self.declared.id

    @property
    def default_rules(self) -> str:
        """The set of shipped rules that fits it: the site's word, else the profile's."""
        declared = self.declared.default_rules
        return self.profile.default_rules if declared is None else declared

    @property
    def unit(self) -> int:
        """The unit id on its endpoint: the site's, else the profile's."""
        if self.declared.unit is not None:
            return self.declared.unit
        speaks = self.profile.modbus or self.profile.line
        return speaks.unit if speaks else 0


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """A site whose parts fit together. ``digest`` is the SHA-256 of all files it was read from."""

    path: Path
    file: SiteFile
    devices: tuple[SiteDevice, ...]
    digest: str

    @property
    def base(self) -> Path:
        """The folder that relative paths in the file start from."""
        return self.path.parent

    @property
    def data(self) -> Path:
        """Where the journal, the alarms and the ledger are kept."""
        return self.base / self.file.site.data

    @property
    def max_bytes(self) -> int:
        """How much of the disk the journal may take."""
        return int(self.file.site.max_data_gb * 1_000_000_000)

    @property
    def rules(self) -> Path:
        """The folder of the rules."""
        return self.base / self.file.site.rules

    @property
    def public_url(self) -> str:
        """The address under which people reach the console."""
        console = self.file.console
        host = f"[{console.host}]" if ":" in console.host else console.host
        scheme = "http" if console.tls is None else "https"
        return (console.public_url or f"{scheme}://{host}:{console.port}").rstrip("/")

    @property
    def console_tls(self) -> TlsFiles | None:
        """The files by which the console speaks TLS, if it does."""
        tls = self.file.console.tls
        if tls is None:
            return None
        return TlsFiles(certificate=self.base / tls.certificate, key=self.base / tls.key)

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which times are shown."""
        return ZoneInfo(self.file.site.time_zone)

    @property
    def ledger_url(self) -> str:
        """The address of the ledger with its password: to connect, never to be shown."""
        declared = self.file.ledger
        if declared is None:
            return paths.ledger_url(self.data)
        return with_password(declared.url, self.reveal(declared.password))

    def reveal(self, secret: Secret | None) -> str:
        """The secret, or nothing when none is declared; ``load`` has seen that it can be had."""
        return "" if secret is None else secret.reveal(self.base)

    def behind_endpoint(self, endpoint: Endpoint) -> dict[str, Profile]:
        """The profiles of the devices behind an endpoint, by the devices' ids."""
        return _behind(endpoint, self.devices)

    def address_of(self, device: SiteDevice) -> Address:
        """Where a device that is asked answers, and how it speaks there."""
        endpoint = self.endpoint_of(device)
        return address(endpoint, tuple(self.behind_endpoint(endpoint).values()))

    def port_of(self, device: SiteDevice) -> int:
        """The TCP port of the endpoint that a device answers at."""
        endpoint = self.endpoint_of(device)
        return port(endpoint, self.behind_endpoint(endpoint).values())

    def endpoint_of(self, device: SiteDevice) -> Endpoint:
        """The endpoint that a device which is asked answers at."""
        return next(e for e in self.file.endpoint if e.id == device.declared.endpoint)

    def behind(self, broker: Broker) -> tuple[SiteDevice, ...]:
        """The devices whose topics are on a broker."""
        return tuple(d for d in self.devices if d.declared.broker == broker.id)


def load(path: Path) -> Site:
    """The site described by the file at ``path`` and the files beside it.

    Raises:
        SiteError: a file cannot be read, or the parts do not fit; all mistakes are listed.
    """
    try:
        file = document.read(path, SiteFile)
        parts = _device_files(path.parent / file.site.devices)
    except document.DocumentError as error:
        raise SiteError([str(error)]) from error
    declared = [(path, "device", n, d) for n, d in enumerate(file.device)]
    declared += [(p, "device", n, d) for p, part in parts for n, d in enumerate(part.device)]
    mistakes = [*head_mistakes(path, file), *secret_mistakes(path, file)]
    mistakes += [*id_mistakes(path, file, declared), *behind_mistakes(declared)]
    mistakes += [*rota_mistakes(path, file), *quiet_mistakes(path, file)]
    mistakes += [*drill_mistakes(path, file), *console_mistakes(path, file)]
    mistakes += report_mistakes(path, file, {device.id for *_, device in declared})
    devices: list[SiteDevice] = []
    placed: list[tuple[str, SiteDevice]] = []
    for place in declared:
        found, wrong = _resolve(place, file, path.parent / file.site.profiles)
        mistakes += wrong
        if found:
            devices.append(found)
            placed.append((at(place[0], place[1], place[2]), found))
    mistakes += _shared_place_mistakes(placed)
    mistakes += _endpoint_mistakes(path, file, devices)
    if not declared:
        mistakes.append(f"{path}: no [[device]] is declared; there is nothing to watch")
    if mistakes:
        raise SiteError(mistakes)
    return Site(path=path, file=file, devices=tuple(devices), digest=_digest(path, file))


def _device_files(folder: Path) -> list[tuple[Path, DevicesFile]]:
    return [(path, document.read(path, DevicesFile)) for path in sorted(folder.glob("*.toml"))]


def _digest(path: Path, file: SiteFile) -> str:
    base = path.parent
    whole = hashlib.sha256(path.read_bytes())
    for folder in (file.site.devices, file.site.rules, file.site.profiles):
        for part in sorted((base / folder).glob("*.toml")):
            whole.update(part.name.encode() + b"\0" + part.read_bytes())
    return whole.hexdigest()


def _resolve(place: Place, file: SiteFile, own: Path) -> tuple[SiteDevice | None, list[str]]:
    path, table, index, device = place
    where = f"{at(path, table, index)} ({device.id})"
    try:
        profile = find(device.profile, own)
    except ProfileError as error:
        return None, [f"{where}: {error}"]
    wrong = [f"{where}: {what}" for what in transport_mistakes(device, profile, file)]
    period = profile.period if device.period is None else device.period
    if period <= 0:
        wrong.append(f"{where}: period {period} is no time; write how often it is read, as 10s")
    found = SiteDevice(declared=device, profile=profile, period=period)
    if found.default_rules and found.default_rules not in defaults.names():
        known = ", ".join(defaults.names())
        wrong.append(
            f"{where}: no default rules are called {found.default_rules!r}; known: {known}"
        )
    return found, wrong


def _behind(endpoint: Endpoint, devices: Iterable[SiteDevice]) -> dict[str, Profile]:
    return {d.id: d.profile for d in devices if d.declared.endpoint == endpoint.id}


def _endpoint_mistakes(path: Path, file: SiteFile, devices: Iterable[SiteDevice]) -> Iterator[str]:
    for n, endpoint in enumerate(file.endpoint):
        where = f"{at(path, 'endpoint', n)} ({endpoint.id})"
        units = {d.id: d.unit for d in devices if d.declared.endpoint == endpoint.id}
        for what in endpoint_mistakes(endpoint, _behind(endpoint, devices), units):
            yield f"{where}: {what}"


def _shared_place_mistakes(placed: list[tuple[str, SiteDevice]]) -> Iterator[str]:
    seen: dict[tuple[str, str], str] = {}
    for where, device in placed:
        declared = device.declared
        place = (
            (declared.endpoint, f"unit {device.unit}")
            if declared.endpoint
            else (declared.broker, f"topic {joined(declared.topic, declared.sensor)}")
        )
        if place in seen:
            yield (
                f"{where} ({declared.id}): {seen[place]} is at {place[0]}, {place[1]} already; "
                "give each its own"
            )
        seen.setdefault(place, declared.id)
