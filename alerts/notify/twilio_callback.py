"""What Twilio posts to us: proof that it is Twilio, and what it says. Pure."""

import base64
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from alerts.notify.twilio_errors import explained

SIGNATURE = "X-Twilio-Signature"
MESSAGE_STATUS = "/twilio/message/{message}"
CALL_STATUS = "/twilio/call/{message}"
KEY = "/twilio/key/{message}/{token}"
REPLY = "/twilio/reply"
ACKNOWLEDGE_KEY = "1"
RETRIED = "#rc=3&rp=5xx,ct,rt"
"""Makes Twilio post again when we could not take it (connection overrides of its webhooks)."""

Form = Iterable[tuple[str, str]]
_DEFAULT_PORT: Mapping[str, int] = {"https": 443, "http": 80}
_UNDELIVERED = frozenset({"undelivered", "failed", "canceled"})
_CALL_OVER = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})
_NO_PERSON = ("machine", "fax")


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """The last word on a message or a call: whether it reached the person, and why not."""

    provider_id: str
    delivered: bool
    note: str = ""


class KeyPress(msgspec.Struct, frozen=True, kw_only=True):
    """Keys pressed within a call. ``machine`` says that no person had answered it."""

    provider_id: str
    digits: str
    machine: bool

    @property
    def acknowledges(self) -> bool:
        """Whether this is a person who took the alarm on."""
        return self.digits == ACKNOWLEDGE_KEY and not self.machine


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A message that somebody sent to our number."""

    provider_id: str
    sender: str
    text: str


def url(public_url: str, path: str, *, message: str, token: str = "") -> str:
    """Where Twilio is to post about ``message``."""
    return public_url + path.format(message=quote(message, safe=""), token=token)


def signature(auth_token: str, url: str, form: Form) -> str:
    """What Twilio signs with (twilio.com/docs/usage/security, "Validating requests").

    HMAC-SHA1 by the account's token over the whole URL, followed by each name and value of the
    form, in the order of the names; of a name that stands several times the values in their order.
    """
    signed = url + "".join(name + value for name, value in sorted(set(form)))
    return base64.b64encode(
        hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()
    ).decode()


class Signatures:
    """Tells Twilio from all others. It holds the account's token and shows it to nobody."""

    def __init__(self, auth_token: str) -> None:
        self._auth_token = auth_token

    def holds(self, given: str, url: str, form: Form) -> bool:
        """Whether Twilio posted ``form`` to ``url``, with or without the port or overrides."""
        fields = list(form)
        good = [signature(self._auth_token, one, fields) for one in _spellings(url)]
        offered = given.encode(errors="replace")
        return any(hmac.compare_digest(one.encode(), offered) for one in good)


def message_status(form: Mapping[str, str]) -> Heard | None:
    """What became of a message; None while it is on its way.

    ``delivered`` and ``read`` are the receipt; queued, sending and sent are not.
    """
    status, sid = form.get("MessageStatus", ""), form.get("MessageSid", "")
    if not sid or status not in {"delivered", "read", *_UNDELIVERED}:
        return None
    if status not in _UNDELIVERED:
        return Heard(provider_id=sid, delivered=True)
    why = explained(_code(form.get("ErrorCode", "")))
    return Heard(provider_id=sid, delivered=False, note=f"{status}: {why}" if why else status)


def call_status(form: Mapping[str, str], *, asked: bool) -> Heard | None:
    """What became of a call; None while it is on its way.

    A call that ``asked`` for a key has reached its person by the key alone, which came before:
    at its end there is nothing but the failure to press one. Other calls only tell.
    """
    status, sid = form.get("CallStatus", ""), form.get("CallSid", "")
    if not sid or status not in _CALL_OVER:
        return None
    if status != "completed":
        why = explained(_code(form.get("ErrorCode", "")))
        return Heard(provider_id=sid, delivered=False, note=f"{status}: {why}" if why else status)
    if asked:
        by = form.get("AnsweredBy", "")
        said = f", answered by {by}" if by else ""
        return Heard(provider_id=sid, delivered=False, note=f"no key was pressed{said}")
    return Heard(provider_id=sid, delivered=not _is_machine(form))


def key_press(form: Mapping[str, str]) -> KeyPress | None:
    """Keys that were pressed, where any were."""
    digits, sid = form.get("Digits", ""), form.get("CallSid", "")
    if not digits or not sid:
        return None
    return KeyPress(provider_id=sid, digits=digits, machine=_is_machine(form))


def reply(form: Mapping[str, str]) -> Reply | None:
    """A message from a phone."""
    sender, sid = form.get("From", ""), form.get("MessageSid", "")
    if not sender or not sid:
        return None
    return Reply(provider_id=sid, sender=sender, text=form.get("Body", ""))


def _is_machine(form: Mapping[str, str]) -> bool:
    return form.get("AnsweredBy", "").startswith(_NO_PERSON)


def _code(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and text != "0" else None


def _spellings(url: str) -> list[str]:
    # Twilio signs the URL as it was given or with its port, which differs by product and time.
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or _DEFAULT_PORT.get(parts.scheme, 0)
    name = f"[{host}]" if ":" in host else host
    places = dict.fromkeys([parts.netloc, name, f"{name}:{port}"])
    plain = [urlunsplit(parts._replace(netloc=place)) for place in places]
    return [one + end for one in plain for end in ("", RETRIED)]
