"""The words of ``site.toml`` and ``devices.d/*.toml``: what may stand there, and its defaults."""

from typing import Annotated, Literal

import msgspec

from alerts.policy import Person, Policy, check_clock
from alerts.rota.pattern import ShiftPattern
from alerts.rule import SeverityWord
from culturewatch.secret import Secret
from culturewatch.site_channels import Apprise, Ntfy, Pushover, Teams, Twilio
from devices.duration import Duration
from devices.transport import Framing

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
LEAST_IDLE_MS = 60_000
LONGEST_LOGIN_MS = 12 * 3_600_000


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: frozen, and a misspelt key is an error."""


class SiteHead(Part, frozen=True, kw_only=True):
    """``[site]``. Folders are relative to the file; ``max_data_gb`` is in 10^9 bytes.

    ``bundle`` is how long pages to somebody who was just paged wait, to go as one message.
    ``default_rules`` are the sets of shipped rules (``alerts/rules``) that are in force.
    """

    id: str
    name: str
    time_zone: str = "UTC"
    data: str = "data"
    rules: str = "rules.d"
    default_rules: tuple[str, ...] = ()
    devices: str = "devices.d"
    profiles: str = "profiles"
    max_data_gb: float = 50.0
    bundle: Duration = Duration(30_000)


class SerialPort(Part, frozen=True, kw_only=True):
    """``serial`` of an endpoint: a port of this machine. What is left out is the profiles'."""

    port: str
    baud: int | None = None
    data_bits: Literal[7, 8] | None = None
    parity: Literal["none", "even", "odd"] | None = None
    stop_bits: Literal[1, 2] | None = None


class Endpoint(Part, frozen=True, kw_only=True):
    """``[[endpoint]]``: a socket or a serial port; one connection serves all devices behind it.

    ``framing`` and ``port`` are those of the profiles behind it where they are left out.
    """

    id: str
    host: str = ""
    port: int | None = None
    serial: SerialPort | None = None
    framing: Framing | None = None


class BrokerTls(Part, frozen=True, kw_only=True):
    """``tls`` of a broker; brokers mostly listen for it at port 8883.

    ``ca`` is the file of the authority that signed its certificate; without one it is those that
    the machine trusts. ``certificate`` and ``key`` are who culturewatch is, where the broker asks.
    """

    ca: str = ""
    certificate: str = ""
    key: str = ""
    key_password: Secret | None = None

    def __post_init__(self) -> None:
        if bool(self.certificate) != bool(self.key):
            raise ValueError("a certificate and its key go together; give both or none")


class Broker(Part, frozen=True, kw_only=True):
    """``[[broker]]``: one MQTT broker. ``client_id`` must stay the same over restarts."""

    id: str
    host: str
    port: int = 1883
    protocol: Literal["3.1.1", "5"] = "5"
    client_id: str = ""
    username: str = ""
    password: Secret | None = None
    tls: BrokerTls | None = None


class Device(Part, frozen=True, kw_only=True):
    """``[[device]]``: a profile at a place, behind an endpoint or a broker's topic.

    ``default_rules`` is the set for what it stands in, where that is not the profile's. ``behind``
    is the device, such as a switch, by which alone it is reached: while that one is silent, one
    page goes out for it and not for each that is behind it.
    """

    id: str
    profile: str
    name: str = ""
    location: str = ""
    endpoint: str = ""
    unit: int | None = None
    broker: str = ""
    topic: str = ""
    sensor: str = ""
    default_rules: str | None = None
    behind: str = ""
    period: Duration | None = None


class Influx(Part, frozen=True, kw_only=True):
    """``[influx]``: where readings are shown from; losing it loses nothing."""

    url: str
    org: str
    bucket: str
    token: Secret


class LedgerTable(Part, frozen=True, kw_only=True):
    """``[ledger]``: the PostgreSQL that holds batches and people; else a file in ``site.data``.

    ``url`` is ``postgresql+psycopg://user@host:5432/database``, with ``?sslmode=verify-full`` where
    the network is not to be trusted.
    """

    url: str
    password: Secret | None = None


class Mail(Part, frozen=True, kw_only=True):
    """``[mail]``: the server that takes pages by e-mail."""

    host: str
    port: int = 587
    sender: str
    security: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: Secret | None = None


class Webhook(Part, frozen=True, kw_only=True):
    """``[webhook]``: pages by signed HTTP POST; ``secret`` signs them."""

    secret: Secret


class BeatTo(Part, frozen=True, kw_only=True):
    """``[beat]``: where this site says that it lives, how often, and what signs it.

    ``culturewatch watchdog`` wants the signature; a receiver of somebody else's may not.
    """

    url: str
    every: Duration = Duration(30_000)
    secret: Secret | None = None


class Annunciator(Part, frozen=True, kw_only=True):
    """``[[annunciator]]``: a siren or lamp on a relay's coil, in a place of its own.

    ``coil`` is the address on the wire, from 0. It is on while an alarm of ``severity`` or worse
    is open, until all are ``silence``: acknowledged, or cleared.
    """

    id: str
    host: str
    port: int = 502
    unit: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1
    coil: Annotated[int, msgspec.Meta(ge=0, le=65_535)]
    severity: SeverityWord = "critical"
    silence: Literal["acknowledged", "cleared"] = "acknowledged"


class ConsoleTls(Part, frozen=True, kw_only=True):
    """``[console.tls]``: PEM files of the certificate, with those that signed it, and of its key.

    Renewed files are shown within a minute.
    """

    certificate: str
    key: str


class Oidc(Part, frozen=True, kw_only=True):
    """``[console.oidc]``: a provider of identities (OpenID Connect) that people may log in by.

    ``people`` gives for each id what the ``claim`` of the provider says of that person; where it
    is left out the claim is the id. Whom the ledger does not know does not come in; what somebody
    may do the ledger says alone, and signatures want the password. ``ca`` signed the provider's
    certificate, where this machine does not trust it. The provider must know public_url +
    ``/oidc/callback``.
    """

    issuer: str
    client_id: str
    secret: Secret
    claim: str = "sub"
    people: dict[str, str] = {}
    name: str = ""
    ca: str = ""


class Console(Part, frozen=True, kw_only=True):
    """``[console]``: where the pages are served, and under which address people reach them.

    Who does nothing for ``idle`` is logged off. Without ``tls`` it listens on this machine only,
    unless it is ``behind_proxy``: something else speaks TLS before it. Those of ``proxies``,
    addresses or networks, are believed who asks through them (``X-Forwarded-For``); of others
    all who ask count as one. With ``open_wall`` the first page shows values
    and states of alarms, without batches and names, to whoever reaches the console.
    """

    host: str = "127.0.0.1"
    port: int = 8440
    public_url: str = ""
    idle: Duration = Duration(15 * 60_000)
    open_wall: bool = False
    tls: ConsoleTls | None = None
    oidc: Oidc | None = None
    behind_proxy: bool = False
    proxies: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not LEAST_IDLE_MS <= self.idle <= LONGEST_LOGIN_MS:
            raise ValueError("idle: who does nothing is logged off after 1m at least, 12h at most")


class RotaFeed(Part, frozen=True, kw_only=True):
    """``[[rota.feed]]``: a calendar, read again each ``every``.

    It is a ``file``, a ``url``, or a ``secret_url`` where who knows the address can read it.
    """

    file: str = ""
    url: str = ""
    secret_url: Secret | None = None
    every: Duration = Duration(15 * 60_000)


class RotaTable(Part, frozen=True, kw_only=True):
    """``[[rota]]``: who is on call; steps of policies name it as ``@id``.

    Times are those of ``zone``, the site's when it is empty.
    """

    id: str
    zone: str = ""
    shift: tuple[ShiftPattern, ...] = ()
    feed: tuple[RotaFeed, ...] = ()
    horizon: Duration = Duration(14 * 86_400_000)
    manager: str = ""


class Archive(Part, frozen=True, kw_only=True):
    """``[archive]``: how long the journal keeps what is sealed; the archive keeps it for good."""

    journal_keep: Duration = Duration(35 * 86_400_000)


class DrillTable(Part, frozen=True, kw_only=True):
    """``[drill]``: every person answers one on every channel each ``overdue``.

    With ``day`` (1 to 28 of the month) and ``at`` they are sent by themselves; who has not
    answered ``within`` gets another the next day, and ``manager`` is told.
    """

    manager: str = ""
    overdue: Duration = Duration(31 * 86_400_000)
    within: Duration = Duration(30 * 60_000)
    day: int | None = None
    at: str | None = None

    def __post_init__(self) -> None:
        if self.at is not None:
            check_clock(self.at)


class AccessTable(Part, frozen=True, kw_only=True):
    """``[access]``: what passwords must be, and how long who logs in need not type one again.

    ``least`` characters, none of the ``last`` ones again, a new one when it ``expires``.
    """

    least: Annotated[int, msgspec.Meta(ge=8, le=64)] = 12
    last: Annotated[int, msgspec.Meta(ge=0, le=24)] = 5
    expires: Duration | None = None
    login: Duration = Duration(30 * 60_000)

    def __post_init__(self) -> None:
        if not 0 < self.login <= LONGEST_LOGIN_MS:
            raise ValueError("login: who logs in stays so for 12h at most, and for some time")
        if self.expires is not None and self.expires <= 0:
            raise ValueError("expires: write how long a password is good, as 365d, or nothing")


class TokenTable(Part, frozen=True, kw_only=True):
    """A token or HSM: its maker's PKCS#11 ``module``, its ``label``, and that of the ``key``."""

    module: str
    label: str
    key: str
    pin: Secret


class SigningTable(Part, frozen=True, kw_only=True):
    """``[signing]``: the certificate by which the pages of records are signed.

    ``key`` is a PKCS#12 file, or a PEM file with its ``certificate`` in another. Or the key is on a
    ``token``, with its certificate there or in a file. ``timestamp`` is the address of a server of
    time stamps (RFC 3161), if there is one.
    """

    key: str = ""
    token: TokenTable | None = None
    certificate: str = ""
    password: Secret | None = None
    timestamp: str = ""

    def __post_init__(self) -> None:
        if bool(self.key) == (self.token is not None):
            raise ValueError("key: name the file of the key, or the token that has it; one of them")
        if self.token is not None and self.password is not None:
            raise ValueError("password: a token has a pin instead; write it under token")
        if self.timestamp and not self.timestamp.startswith(("https://", "http://")):
            raise ValueError("timestamp: write the server's address, with https://")


class ReportTable(Part, frozen=True, kw_only=True):
    """``[[report]]``: what is mailed by itself ``to`` people, ``at`` a time of the site's zone.

    ``week`` is all rooms over seven days, sent on a ``day`` such as ``monday``; ``month`` is one
    ``device`` over the month before, sent on a ``day`` from 1 to 28; ``silenced`` is what pages
    nobody, each day.
    """

    id: str
    kind: Literal["week", "month", "silenced"]
    to: tuple[str, ...]
    at: str = "07:00"
    day: Weekday | Annotated[int, msgspec.Meta(ge=1, le=28)] | None = None
    device: str = ""

    def __post_init__(self) -> None:
        check_clock(self.at)
        if (self.kind == "month") != bool(self.device):
            raise ValueError("device: a month is of one device, and other reports are of all")
        wanted: dict[str, type] = {"week": str, "month": int, "silenced": type(None)}
        if self.day is not None and not isinstance(self.day, wanted[self.kind]):
            raise ValueError("day: a week has a weekday, a month 1 to 28, a daily report none")
        if not self.to:
            raise ValueError("to: name the people who get it")


class SiteFile(Part, frozen=True, kw_only=True):
    """All of ``site.toml``."""

    site: SiteHead
    endpoint: tuple[Endpoint, ...] = ()
    broker: tuple[Broker, ...] = ()
    device: tuple[Device, ...] = ()
    person: tuple[Person, ...] = ()
    policy: tuple[Policy, ...] = ()
    rota: tuple[RotaTable, ...] = ()
    drill: DrillTable | None = None
    influx: Influx | None = None
    ledger: LedgerTable | None = None
    mail: Mail | None = None
    webhook: Webhook | None = None
    twilio: Twilio | None = None
    pushover: Pushover | None = None
    ntfy: Ntfy | None = None
    teams: Teams | None = None
    apprise: Apprise | None = None
    beat: BeatTo | None = None
    annunciator: tuple[Annunciator, ...] = ()
    console: Console = Console()
    access: AccessTable = AccessTable()
    archive: Archive = Archive()
    signing: SigningTable | None = None
    report: tuple[ReportTable, ...] = ()


class DevicesFile(Part, frozen=True, kw_only=True):
    """All of a ``devices.d/*.toml`` file."""

    device: tuple[Device, ...] = ()
