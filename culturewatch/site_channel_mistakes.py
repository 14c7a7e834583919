"""What can be wrong with the channels of a site file, and with how people are reached."""

import re
from collections.abc import Iterator, Mapping
from email.utils import getaddresses
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

from alerts.notify.pushover import PushoverSettings
from alerts.policy import Person
from culturewatch.secret import Secret, SecretError
from culturewatch.site_file import SiteFile

_TABLE: Mapping[str, str] = MappingProxyType(
    {
        "mail": "mail",
        "webhook": "webhook",
        "sms": "twilio",
        "voice": "twilio",
        "pushover": "pushover",
        "ntfy": "ntfy",
        "teams": "teams",
        "apprise": "apprise",
    }
)
"""The table that serves a channel; ``inbox`` needs none."""
_WAYS = frozenset({"inbox", *_TABLE})
_MAILBOX = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+")
_NUMBER = re.compile(r"\+[1-9][0-9]{6,14}")
"""E.164: a plus, the country, the number; 15 digits at most."""
_SID = re.compile(r"AC[0-9a-fA-F]{32}")
_SENDER = re.compile(r"\+[1-9][0-9]{6,14}|MG[0-9a-fA-F]{32}")
_FORMS: Mapping[str, tuple[re.Pattern[str], str]] = MappingProxyType(
    {
        "sms": (_NUMBER, "write the number as +43660123456"),
        "voice": (_NUMBER, "write the number as +43660123456"),
        "pushover": (re.compile(r"[A-Za-z0-9]{30}"), "write the 30 characters of the user key"),
        "ntfy": (re.compile(r"[-_A-Za-z0-9]{1,64}"), "write the topic's name, without its server"),
    }
)


def channel_mistakes(file: SiteFile, base: Path) -> Iterator[tuple[str, str]]:
    """Mistakes in the tables of the channels: the key, and what is wrong with it."""
    yield from _twilio_mistakes(file)
    if file.pushover is not None:
        yield from _url_mistakes("pushover.api", file.pushover.api)
        try:
            PushoverSettings(
                retry_s=file.pushover.retry // 1_000, expire_s=file.pushover.expire // 1_000
            )
        except ValueError as error:
            yield "pushover.retry" if "retry is" in str(error) else "pushover.expire", str(error)
    if file.ntfy is not None:
        yield from _url_mistakes("ntfy.server", file.ntfy.server)
    if file.apprise is not None:
        yield from _apprise_mistakes(file.apprise.urls, base)
    if file.teams is not None:
        for name, secret in file.teams.urls.items():
            if (url := _revealed(secret, base)) and not is_url(url):
                yield f"teams.urls.{name}", "the secret is no address; it begins with https://"


def channel_secrets(file: SiteFile) -> list[tuple[str, Secret | None]]:
    """The secrets of the channels, by the key they stand under."""
    named = {"teams": file.teams, "apprise": file.apprise}
    return [
        ("mail.password", file.mail.password if file.mail else None),
        ("webhook.secret", file.webhook.secret if file.webhook else None),
        ("twilio.auth_token", file.twilio.auth_token if file.twilio else None),
        ("pushover.token", file.pushover.token if file.pushover else None),
        ("ntfy.token", file.ntfy.token if file.ntfy else None),
        *(
            (f"{table}.urls.{name}", secret)
            for table, declared in named.items()
            if declared is not None
            for name, secret in declared.urls.items()
        ),
    ]


def person_mistakes(file: SiteFile, person: Person) -> Iterator[str]:
    """Mistakes in how somebody is reached."""
    if not person.channels:
        yield f"has no channel; name some of {', '.join(sorted(_WAYS))}"
    for way in person.channels:
        if way not in _WAYS:
            yield f"{way!r} is no channel; known: {', '.join(sorted(_WAYS))}"
        elif way != "inbox" and (missing := _unserved(file, way)):
            yield f"is to be reached by {way}, but {missing}"
        elif way != "inbox" and way not in person.addresses:
            yield f"addresses has no {way}; say where {way} reaches them"
        elif what := _address_mistake(file, way, person.addresses.get(way, "")):
            yield what


def _unserved(file: SiteFile, way: str) -> str:
    table = _TABLE[way]
    if getattr(file, table) is None:
        return f"there is no [{table}] table; add one, or name another channel"
    needed = {"sms": "sender", "voice": "caller"}.get(way)
    if needed and not getattr(file.twilio, needed):
        return f"[twilio] has no {needed}; give one, or name another channel"
    return ""


def _address_mistake(file: SiteFile, way: str, address: str) -> str:
    if way == "mail" and not _is_mailbox(address):
        return f"addresses.mail {address!r} is not one address; write name@host"
    if way == "webhook" and not is_url(address):
        # Not the address itself: it may hold a secret of the receiver.
        return "addresses.webhook is no address; write https://name/path"
    if way in _FORMS:
        pattern, hint = _FORMS[way]
        return "" if pattern.fullmatch(address) else f"{way} {address!r} cannot be reached; {hint}"
    urls = {"teams": file.teams, "apprise": file.apprise}.get(way)
    if urls is None or address in urls.urls:
        return ""
    known = ", ".join(urls.urls) or "none"
    return f"[{way}.urls] has no {address!r}; known: {known}"


def _twilio_mistakes(file: SiteFile) -> Iterator[tuple[str, str]]:
    twilio = file.twilio
    if twilio is None:
        return
    if not _SID.fullmatch(twilio.account_sid):
        yield "twilio.account_sid", "is AC and 32 hexadecimal digits; copy it from the account"
    if not (twilio.sender or twilio.caller):
        yield "twilio", "has neither sender (for sms) nor caller (for voice); give one of them"
    if twilio.sender and not _SENDER.fullmatch(twilio.sender):
        yield "twilio.sender", f"{twilio.sender!r} is neither a number (+43…) nor a service (MG…)"
    if twilio.caller and not _NUMBER.fullmatch(twilio.caller):
        yield "twilio.caller", f"{twilio.caller!r} is no number; write it as +43660123456"
    yield from _url_mistakes("twilio.api", twilio.api)
    if not file.console.public_url:
        what = "posts receipts and replies to the console; set console.public_url to its address"
        yield "twilio", what


def _apprise_mistakes(urls: Mapping[str, Secret], base: Path) -> Iterator[tuple[str, str]]:
    from alerts.notify.apprise import understands  # noqa: PLC0415 # large; only where it is used

    for name, secret in urls.items():
        if (url := _revealed(secret, base)) and not understands(url):
            yield (
                f"apprise.urls.{name}",
                "Apprise knows no service for this address; try it with `apprise -vv`",
            )


def _url_mistakes(name: str, url: str) -> Iterator[tuple[str, str]]:
    if not is_url(url):
        yield name, f"{url!r} is no address; write https://name"


def is_url(url: str) -> bool:
    """Whether something can be posted there."""
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return parts.scheme in {"http", "https"} and named and url.isprintable() and " " not in url


def _is_mailbox(text: str) -> bool:
    return text.isprintable() and [
        bool(_MAILBOX.fullmatch(address)) for _, address in getaddresses([text])
    ] == [True]


def _revealed(secret: Secret, base: Path) -> str:
    try:
        return secret.reveal(base)
    except SecretError:
        # Told with the other secrets.
        return ""
