"""What the console is told by whoever starts it."""

from collections.abc import Callable
from pathlib import Path

import msgspec

from alerts.notify.twilio_callback import Signatures
from alerts.policy import Person
from alerts.rule import Rule
from batches.password import Rules
from batches.trail import Line
from console.certificate import TlsFiles
from console.oidc.sign_on import SignOn
from console.on_call_page import Roster
from console.records import Records
from console.view import Equipment

Audit = Callable[[int], tuple[Line, ...]]
"""All entries of the trail since then (epoch ms), of the ledger and of the alarm history."""


class ConsoleSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One site's console. ``public_url`` is the address under which people reach it.

    With ``twilio`` it takes what Twilio posts, and knows it by the signature. ``pins`` is where the
    PINs of people are kept, ``api_tokens`` where tokens of programs are; None: no API.
    ``record`` makes the JSON record of a batch or vial, for whom.
    PINs of people are kept, ``passwords`` where the hashes of their passwords are, ``bootstrap``
    the file of the token that enters the first admin, ``patients`` where the keys of patients are;
    None: beside the ledger's file. Who does nothing for ``idle_ms`` is logged
    off. ``roster`` works out who is on call. ``site_id`` is what orders to the whole site are given
    to, ``findings`` are the mistakes in its files as they are now: none, and they can be used.
    With ``tls`` it speaks TLS itself,
    with ``sign_on`` people may also log in by a provider of identities.
    ``records`` are made and signed here; None: not here.
    Through ``proxies`` (addresses or networks) others ask, whose addresses they are believed.
    With ``open_wall`` whoever reaches the console sees values and alarms, without batches or names.
    ``audit`` reads the trail; None: only that of the ledger is shown.
    """

    site: str
    time_zone: str
    data: Path
    ledger_url: str
    token_key: Path
    equipment: tuple[Equipment, ...]
    people: tuple[Person, ...]
    rules: tuple[Rule, ...]
    host: str = "127.0.0.1"
    port: int = 8440
    proxies: tuple[str, ...] = ()
    public_url: str = ""
    tls: TlsFiles | None = None
    sign_on: SignOn | None = None
    twilio: Signatures | None = None
    pins: Path | None = None
    api_tokens: Path | None = None
    record: Callable[[str, str], bytes] | None = None
    passwords: Path | None = None
    patients: Path | None = None
    bootstrap: Path | None = None
    password_rules: Rules = Rules()
    idle_ms: int = 15 * 60_000
    roster: Roster | None = None
    records: Records | None = None
    open_wall: bool = False
    audit: Audit | None = None
    site_id: str = ""
    findings: Callable[[], tuple[str, ...]] | None = None
