"""Pages through an ntfy server (docs.ntfy.sh/publish): topics, priorities, a button, no receipt."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from alerts.notify.http import JSON, Answer, HttpClient, refusal, words
from alerts.notify.notifier import Message, PermanentError, QuotaError, Sent, TemporaryError

LONGEST_TEXT: Final = 4_000
"""Bytes; above 4,096 the server makes a file of the text."""
_PRIORITY: Mapping[str, int] = MappingProxyType({"critical": 5, "high": 4, "medium": 3, "low": 2})
_NEWS = 3
_USED_UP = frozenset({42905, 42908})
"""Of ntfy's error codes: the bandwidth and the messages of the day."""


class _Action(msgspec.Struct, frozen=True):
    label: str
    url: str
    action: str = "view"


class _Publication(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    topic: str
    title: str
    message: str
    priority: int
    tags: tuple[str, ...] = ()
    click: str = ""
    actions: tuple[_Action, ...] = ()


class _Published(msgspec.Struct, frozen=True):
    id: str
    event: str


class _Refused(msgspec.Struct, frozen=True):
    code: int | None = None
    error: str = ""


class NtfyNotifier:
    """Publishes to the person's topic.

    The button opens the page that acknowledges. It is never one of ntfy's ``http`` actions, which
    post by themselves: a topic is read by all who know its name, and a page asks who is there.
    """

    def __init__(self, http: HttpClient, server: str, *, token: str = "") -> None:
        self._http = http
        self._server = server.rstrip("/")
        self._token = token

    async def send(self, message: Message) -> Sent:
        """Publish one message. That the server took it is all that is ever known.

        Raises:
            TemporaryError: not now, or what answered was not ntfy.
            QuotaError: the messages of the day are used up.
            PermanentError: the server refuses it and says why.
        """
        who = f"ntfy to {message.person}"
        if not message.address:
            raise PermanentError(f"{who}: no topic is known")
        login = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        body = msgspec.json.encode(_publication(message))
        answer = await self._http.post(self._server, body, who=who, headers={**JSON, **login})
        if not answer.good:
            raise _refusal(answer, who)
        try:
            published = msgspec.json.decode(answer.body, type=_Published)
        except msgspec.MsgspecError as error:
            what = f"{who}: what answered {answer.status} is not ntfy"
            raise TemporaryError(what, perhaps_taken=True) from error
        return Sent(provider_id=published.id)


def _publication(message: Message) -> _Publication:
    page = message.asks
    return _Publication(
        topic=message.address,
        title=message.subject,
        message=_shortened(message.text.strip()),
        priority=_PRIORITY.get(message.severity, _NEWS) if page else _NEWS,
        tags=("rotating_light",) if page else (),
        click=message.link,
        actions=(_Action("Acknowledge…", message.link),) if message.link else (),
    )


def _shortened(text: str) -> str:
    if len(text.encode()) <= LONGEST_TEXT:
        return text
    return text.encode()[: LONGEST_TEXT - 3].decode(errors="ignore") + "…"


def _refusal(answer: Answer, who: str) -> Exception:
    try:
        said = msgspec.json.decode(answer.body, type=_Refused)
    except msgspec.MsgspecError:
        said = _Refused()
    reason = f"{who}: answered {answer.status} {words(said.error)}".rstrip()
    return QuotaError(reason) if said.code in _USED_UP else refusal(answer, reason)
