"""Pages through Pushover, with its receipts (pushover.net/api, pushover.net/api/receipts)."""

from typing import Annotated, Final

import msgspec

from alerts.notify.http import FORM, Answer, HttpClient, form, refusal, words
from alerts.notify.notifier import Message, PermanentError, QuotaError, Sent, TemporaryError, Word

SHORTEST_RETRY_S: Final = 30
LONGEST_EXPIRE_S: Final = 3 * 3_600
_TITLE, _TEXT, _URL = 250, 1_024, 512
"""Characters that Pushover takes."""
_EMERGENCY, _HIGH, _NORMAL = 2, 1, 0
_TOO_MANY = 429
_RECEIPT = 30
"""Characters of a receipt; what other priorities are given for an id is longer, with dashes."""


class PushoverSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How a critical page insists: again each ``retry_s``, until acknowledged or ``expire_s``.

    Raises:
        ValueError: outside what Pushover allows.
    """

    retry_s: int = 60
    expire_s: int = 3_600
    api: str = "https://api.pushover.net"

    def __post_init__(self) -> None:
        if self.retry_s < SHORTEST_RETRY_S:
            raise ValueError(f"retry is at least {SHORTEST_RETRY_S} s with Pushover")
        if not self.retry_s <= self.expire_s <= LONGEST_EXPIRE_S:
            raise ValueError("expire is between retry and 3 h with Pushover")


_Seconds = Annotated[int, msgspec.Meta(ge=0, lt=10**10)]
_Flag = Annotated[int, msgspec.Meta(ge=0, le=1)]


class _Said(msgspec.Struct, frozen=True):
    status: int
    request: str = ""
    receipt: str = ""
    errors: list[str] = []


class _Receipt(msgspec.Struct, frozen=True):
    status: int
    acknowledged: _Flag
    expired: _Flag
    acknowledged_at: _Seconds
    acknowledged_by: str


class PushoverNotifier:
    """Sends to user keys. Critical pages are emergencies, which have receipts; others have none."""

    def __init__(
        self,
        http: HttpClient,
        token: str,
        settings: PushoverSettings = PushoverSettings(),  # noqa: B008 # frozen
    ) -> None:
        self._http = http
        self._token = token
        self._settings = settings

    async def send(self, message: Message) -> Sent:
        """Hand one message over; that it reached a phone is a matter of ``poll``.

        Raises:
            TemporaryError: not now, or what answered was not Pushover.
            QuotaError: the application's messages of this month are used up.
            PermanentError: Pushover refuses it and says why.
        """
        who = f"Pushover to {message.person}"
        url = f"{self._settings.api}/1/messages.json"
        body = form(self._fields(message))
        body = _checked(await self._http.post(url, body, who=who, headers=FORM), who)
        said = msgspec.json.decode(body, type=_Said)
        if _priority(message) == _EMERGENCY and not said.receipt:
            raise TemporaryError(f"{who}: the answer names no receipt", perhaps_taken=True)
        return Sent(provider_id=said.receipt or said.request)

    async def poll(self, provider_id: str) -> Word:
        """What became of an emergency; not to be asked more often than every 5 s.

        Only that somebody acknowledged says that it arrived: ``last_delivered_at`` is when Pushover
        tried last.
        """
        if not _has_receipt(provider_id):
            return Word(over=True)
        who = "Pushover receipt"
        url = f"{self._settings.api}/1/receipts/{provider_id}.json?token={self._token}"
        body = _checked(await self._http.get(url, who=who), who)
        try:
            said = msgspec.json.decode(body, type=_Receipt)
        except msgspec.MsgspecError as error:
            raise TemporaryError(f"{who}: the answer is no receipt") from error
        if not said.acknowledged:
            return Word(over=bool(said.expired))
        return Word(
            delivered=True,
            acknowledged_by=said.acknowledged_by,
            acknowledged_at=said.acknowledged_at * 1_000,
            over=True,
        )

    async def cancel(self, provider_id: str) -> None:
        """Stop an emergency that others have taken on."""
        if not _has_receipt(provider_id):
            return
        who = "Pushover cancellation"
        url = f"{self._settings.api}/1/receipts/{provider_id}/cancel.json"
        body = form([("token", self._token)])
        _checked(await self._http.post(url, body, who=who, headers=FORM), who)

    def _fields(self, message: Message) -> list[tuple[str, str]]:
        priority = _priority(message)
        fields = [
            ("token", self._token),
            ("user", message.address),
            ("title", message.subject[:_TITLE]),
            ("message", _shortened(message)),
            ("priority", str(priority)),
        ]
        if priority == _EMERGENCY:
            settings = self._settings
            fields += [("retry", str(settings.retry_s)), ("expire", str(settings.expire_s))]
        if message.link and len(message.link) <= _URL:
            fields += [("url", message.link), ("url_title", "Acknowledge…")]
        return fields


def _priority(message: Message) -> int:
    if not message.asks:
        return _NORMAL
    return _EMERGENCY if message.severity == "critical" else _HIGH


def _shortened(message: Message) -> str:
    text = message.text.strip()
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"


def _checked(answer: Answer, who: str) -> bytes:
    """The body of an answer that Pushover is content with."""
    try:
        said = msgspec.json.decode(answer.body, type=_Said)
    except msgspec.MsgspecError as error:
        if answer.good:
            what = f"{who}: what answered {answer.status} is not Pushover"
            raise TemporaryError(what, perhaps_taken=True) from error
        said = _Said(status=0)
    if answer.good and said.status == 1:
        return answer.body
    reason = f"{who}: answered {answer.status} {words('; '.join(said.errors))}".rstrip()
    if answer.status == _TOO_MANY:
        raise QuotaError(f"{reason}: the messages of this month are used up")
    if answer.good:
        raise PermanentError(reason)
    raise refusal(answer, reason)


def _has_receipt(provider_id: str) -> bool:
    return len(provider_id) == _RECEIPT and provider_id.isalnum()
