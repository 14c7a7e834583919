"""Pages as text messages and as calls through Twilio's HTTP API (twilio.com/docs/usage/api)."""

from collections.abc import Callable
from typing import Final

import msgspec

from alerts.notify import twilio_callback, twiml
from alerts.notify.http import FORM, Answer, HttpClient, form, words
from alerts.notify.notifier import Message, PermanentError, Sent, TemporaryError
from alerts.notify.twilio_errors import error, explained

LONGEST_TEXT: Final = 1_600
"""Characters of a message (parameter ``Body``); one more and Twilio refuses it (21617)."""
_SERVICE = "MG"
_LOST = frozenset({"failed", "undelivered", "canceled"})


class TwilioAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Whose account sends. ``public_url`` is where Twilio reaches the console.

    ``sender`` is a number of the account, or a messaging service (``MG…``); ``caller`` a number.
    """

    sid: str
    public_url: str
    sender: str = ""
    caller: str = ""
    api: str = "https://api.twilio.com"


class _Made(msgspec.Struct, frozen=True):
    sid: str
    status: str = ""
    error_code: int | None = None


class _Refused(msgspec.Struct, frozen=True):
    code: int | None = None
    message: str = ""


class TwilioApi:
    """Makes messages and calls for an account."""

    def __init__(self, http: HttpClient, account: TwilioAccount, auth_token: str) -> None:
        self.account = account
        self._http = http
        self._login = (account.sid, auth_token)

    async def make(self, kind: str, fields: list[tuple[str, str]], *, who: str) -> Sent:
        """Post to ``Messages`` or ``Calls``; accepted is not delivered.

        Raises:
            TemporaryError: not now, or what answered was not Twilio.
            PermanentError: not to this person, or not with this account.
        """
        account = self.account
        url = f"{account.api}/2010-04-01/Accounts/{account.sid}/{kind}.json"
        answer = await self._http.post(url, form(fields), who=who, headers=FORM, login=self._login)
        if not answer.good:
            raise _refusal(answer, who)
        try:
            made = msgspec.json.decode(answer.body, type=_Made)
        except msgspec.MsgspecError as fault:
            what = f"{who}: what answered {answer.status} is not Twilio"
            raise TemporaryError(what, perhaps_taken=True) from fault
        if made.status in _LOST:
            raise error(answer, made.error_code, f"{who}: {explained(made.error_code)}")
        return Sent(provider_id=made.sid)


class SmsNotifier:
    """Sends text messages; a page carries a code that acknowledges it by a reply.

    ``code_of`` gives the code of a message, or nothing.
    """

    def __init__(self, api: TwilioApi, code_of: Callable[[Message], str]) -> None:
        self._api = api
        self._code_of = code_of

    async def send(self, message: Message) -> Sent:
        """Hand one message over; whether it arrived is posted to the console later.

        Raises:
            TemporaryError: not now.
            PermanentError: not to this person, or not with this account.
        """
        _need_address("text message", message)
        account = self._api.account
        origin = "MessagingServiceSid" if account.sender.startswith(_SERVICE) else "From"
        status = twilio_callback.url(
            account.public_url, twilio_callback.MESSAGE_STATUS, message=message.id
        )
        fields = [
            ("To", message.address),
            (origin, account.sender),
            ("Body", text_of(message, self._code_of(message))),
            ("StatusCallback", status + twilio_callback.RETRIED),
        ]
        who = f"text message to {message.person}"
        return await self._api.make("Messages", fields, who=who)


class VoiceNotifier:
    """Calls and reads the page out; a key acknowledges, a mailbox does not.

    ``token_of`` gives a token that acknowledges what the message is about, or nothing.
    """

    def __init__(self, api: TwilioApi, token_of: Callable[[Message], str]) -> None:
        self._api = api
        self._token_of = token_of

    async def send(self, message: Message) -> Sent:
        """Start one call; that it was started says nothing of who hears it.

        Raises:
            TemporaryError: not now.
            PermanentError: not to this person, or not with this account.
        """
        _need_address("call", message)
        account = self._api.account
        token = self._token_of(message)
        said = spoken(message)
        script = twiml.telling(said)
        if token:
            key = twilio_callback.url(
                account.public_url, twilio_callback.KEY, message=message.id, token=token
            )
            script = twiml.asking(said, key)
        status = twilio_callback.url(
            account.public_url, twilio_callback.CALL_STATUS, message=message.id
        )
        # In the query, which Twilio signs too: what the end of the call will mean.
        ends = f"{status}?asked={int(bool(token))}{twilio_callback.RETRIED}"
        fields = [
            ("To", message.address),
            ("From", account.caller),
            ("Twiml", script),
            ("Timeout", "30"),
            ("MachineDetection", "Enable"),
            ("StatusCallback", ends),
            ("StatusCallbackEvent", "completed"),
            ("StatusCallbackMethod", "POST"),
        ]
        return await self._api.make("Calls", fields, who=f"call to {message.person}")


def text_of(message: Message, code: str) -> str:
    """What a phone shows: all of it where that fits, else the subject, the link and the code."""
    end = f"\nReply {code} to acknowledge." if code else ""
    whole = message.text.strip() + end
    if len(whole) <= LONGEST_TEXT:
        return whole
    link = f"\n{message.link}" if message.link else ""
    short = f"{message.subject}\n(shortened){link}{end}"
    return short if len(short) <= LONGEST_TEXT else f"{message.subject}{end}"[:LONGEST_TEXT]


def spoken(message: Message) -> str:
    """What a voice reads: the title and the facts, without the link that follows them."""
    parts = message.text.strip().split("\n\n")
    facts = [part for part in parts if not message.link or message.link not in part]
    return ". ".join(line.strip().rstrip(".") for part in facts for line in part.splitlines())


def _need_address(what: str, message: Message) -> None:
    if not message.address:
        raise PermanentError(f"{what} to {message.person}: no number is known")


def _refusal(answer: Answer, who: str) -> Exception:
    try:
        said = msgspec.json.decode(answer.body, type=_Refused)
    except msgspec.MsgspecError:
        said = _Refused()
    why = explained(said.code) or words(said.message)
    return error(answer, said.code, f"{who}: Twilio answered {answer.status} {why}".strip())
