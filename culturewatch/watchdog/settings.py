"""The words of ``watchdog.toml``, and all that can be wrong with it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from alerts.policy import Person
from culturewatch.secret import Secret, SecretError
from culturewatch.site_channel_mistakes import is_mailbox, is_url
from culturewatch.site_file import Mail, Part, Webhook
from culturewatch.site_mistakes import is_host
from devices import document
from devices.duration import Duration

LONGEST_AFTER = Duration(150_000)
"""With the beat's own period, a site that dies is told of within three minutes."""
_WAYS = ("mail", "webhook")
Port = Annotated[int, msgspec.Meta(ge=1, le=65_535)]


class WatchdogError(Exception):
    """The watchdog cannot run; the text has one line for each mistake."""


class Head(Part, frozen=True, kw_only=True):
    """``[watchdog]``: where it listens, how patient it is, and where it keeps what it told.

    ``public_url`` is the address under which people and sites reach it. A site is missed ``after``
    its last beat, or ``grace`` after the start when none came; people are told again each
    ``repeat``. ``data`` is a folder, relative to the file. What is usual tells within three minutes
    of a page that waits for a sender which is stuck: 60 s until that is seen, and 5 s between two
    looks, and ``after``.
    """

    host: str = "127.0.0.1"
    port: Port = 8441
    public_url: str = ""
    after: Duration = Duration(100_000)
    grace: Duration = Duration(300_000)
    repeat: Duration = Duration(300_000)
    data: str = "watchdog-data"


class WatchedSite(Part, frozen=True, kw_only=True):
    """``[[site]]``: the ``site.id`` of its file, and the secret of its ``[beat]``."""

    id: str
    secret: Secret
    name: str = ""


class WatchdogFile(Part, frozen=True, kw_only=True):
    """All of ``watchdog.toml``."""

    watchdog: Head = Head()
    site: tuple[WatchedSite, ...]
    person: tuple[Person, ...]
    mail: Mail | None = None
    webhook: Webhook | None = None


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """A file whose parts fit together, with its secrets."""

    file: WatchdogFile
    base: Path

    @property
    def data(self) -> Path:
        """Where it keeps what it told."""
        return self.base / self.file.watchdog.data

    @property
    def public_url(self) -> str:
        """The address under which people reach it."""
        head = self.file.watchdog
        host = f"[{head.host}]" if ":" in head.host else head.host
        return (head.public_url or f"http://{host}:{head.port}").rstrip("/")

    def reveal(self, secret: Secret | None) -> str:
        """The secret, or nothing where none is declared; ``load`` has seen that it can be had."""
        return "" if secret is None else secret.reveal(self.base)


def load(path: Path) -> Settings:
    """The settings in the file at ``path``.

    Raises:
        WatchdogError: it cannot be read, or its parts do not fit; all mistakes are listed.
    """
    try:
        file = document.read(path, WatchdogFile)
    except document.DocumentError as error:
        raise WatchdogError(str(error)) from error
    text = path.read_text(encoding="utf-8")
    wrong = [
        f"{path}:{document.line_of(text, place)}: {place}: {what}"
        for place, what in (*_head(file), *_sites(file, path.parent), *_people(file))
    ]
    if wrong:
        raise WatchdogError("\n".join(wrong))
    return Settings(file=file, base=path.parent)


def _head(file: WatchdogFile) -> Iterator[tuple[str, str]]:
    head = file.watchdog
    if not is_host(head.host):
        yield "watchdog.host", f"{head.host!r} is no name or address of a machine"
    if head.public_url and not is_url(head.public_url):
        yield "watchdog.public_url", f"{head.public_url!r} is no address; write https://name"
    if not 0 < head.after <= LONGEST_AFTER:
        yield "watchdog.after", f"{head.after}: write a span up to {LONGEST_AFTER}"
    for name in ("grace", "repeat"):
        if getattr(head, name) <= 0:
            yield f"watchdog.{name}", "write a span longer than nothing"


def _sites(file: WatchdogFile, base: Path) -> Iterator[tuple[str, str]]:
    if not file.site:
        yield "site", "no [[site]] is declared; there is nobody to watch"
    ids = [site.id for site in file.site]
    for number, site in enumerate(file.site):
        if site.id in ids[:number]:
            yield f"site[{number}].id", f"{site.id!r} stands twice"
    secrets = [(f"site[{n}].secret", site.secret) for n, site in enumerate(file.site)]
    if file.mail is not None and file.mail.password is not None:
        secrets.append(("mail.password", file.mail.password))
    if file.webhook is not None:
        secrets.append(("webhook.secret", file.webhook.secret))
    for place, secret in secrets:
        try:
            secret.reveal(base)
        except SecretError as error:
            yield place, str(error)


def _people(file: WatchdogFile) -> Iterator[tuple[str, str]]:
    served = {"mail": file.mail is not None, "webhook": file.webhook is not None}
    if not file.person:
        yield "person", "no [[person]] is declared; there is nobody to tell"
    for number, person in enumerate(file.person):
        place = f"person[{number}].channels"
        if not person.channels:
            yield place, f"{person.id} has no channel; name some of {', '.join(_WAYS)}"
        for way in person.channels:
            address = person.addresses.get(way, "")
            if way not in served:
                yield place, f"{way!r} is no channel of the watchdog; known: {', '.join(_WAYS)}"
            elif not served[way]:
                yield place, f"there is no [{way}] table; add one, or name another channel"
            elif not (is_mailbox(address) if way == "mail" else is_url(address)):
                # Not the address itself: it may hold a secret of the receiver.
                yield place, f"addresses.{way} of {person.id} is missing or no address"
