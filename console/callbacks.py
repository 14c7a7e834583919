"""What Twilio posts: receipts, keys pressed in a call, replies. Proven, then put into the inbox."""

import asyncio
import logging
import threading
import time
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request, Response
from msgspec.structs import replace
from starlette.exceptions import HTTPException

from alerts.notify import twilio_callback, twiml
from alerts.notify.twilio_callback import Heard, Signatures
from alerts.policy import Person
from alerts.reader import AlarmReader, SentPage
from alerts.reply_code import MAX_AGE_MS, Attempts, ReplyCodes, Wrong
from alerts.schema import StoreError
from alerts.token import AckAllClaim, AckClaim, Reason
from console.acknowledge import KEEP_S, AckDesk, Result
from console.settings import ConsoleSettings
from storage.entry import Receipt
from storage.inbox import Inbox, InboxError, OtherActError
from storage.wall import wall_ms

log = logging.getLogger(__name__)

_READ_S = 10.0
_MOST_FIELDS = 200
_SAID = {
    Result.ACKNOWLEDGED: "Acknowledged",
    Result.TAKEN_IN: "Your acknowledgement was taken in and waits for the core",
    Result.REFUSED: "Not acknowledged",
    Result.NOT_KEPT: "Not acknowledged: it could not be kept; use the link in the message",
}
_USED = (
    "This has been used before, and acknowledged then; if you were paged anew, use the newest "
    "message."
)


class Callbacks:
    """Answers what Twilio posts. A request that it did not sign is refused and changes nothing.

    Receipts and acknowledgements are rows of the inbox, which the core takes in order.
    """

    def __init__(
        self, settings: ConsoleSettings, signatures: Signatures, desk: AckDesk, key: bytes
    ) -> None:
        self._settings = settings
        self._signatures = signatures
        self._desk = desk
        self._codes = ReplyCodes(key)
        self._wrong_codes = Attempts(time.monotonic)
        self._declined = Attempts(time.monotonic, most=10)
        self._opening = threading.Lock()
        self._inbox: Inbox | None = None

    def serve_on(self, app: FastAPI) -> None:
        """Add the routes."""
        for path, answer in (
            (twilio_callback.MESSAGE_STATUS, self.message_status),
            (twilio_callback.CALL_STATUS, self.call_status),
            (twilio_callback.KEY, self.key),
            (twilio_callback.REPLY, self.reply),
        ):
            app.add_api_route(path, answer, methods=["POST"])

    def close(self) -> None:
        """Let go of the inbox."""
        with self._opening:
            if self._inbox is not None:
                self._inbox.close()
                self._inbox = None

    async def message_status(self, message: str, request: Request) -> Response:
        """Where a text message stands."""
        return await self._hear(
            message, twilio_callback.message_status(await self._proven(request))
        )

    async def call_status(self, message: str, request: Request) -> Response:
        """A call is over."""
        asked = request.query_params.get("asked") == "1"
        form = await self._proven(request)
        return await self._hear(message, twilio_callback.call_status(form, asked=asked))

    async def key(self, message: str, token: str, request: Request) -> Response:
        """A key was pressed in a call: by a person it acknowledges, by a mailbox it does not."""
        press = twilio_callback.key_press(await self._proven(request))
        if press is None:
            return _speak(twiml.ending("Nothing was acknowledged. Good bye."))
        if press.machine:
            log.warning("a key in the call about %s came from a machine; not counted", message)
            return _speak(twiml.ending("Nothing was acknowledged."))
        await self._hear(message, Heard(provider_id=press.provider_id, delivered=True))
        claim = self._desk.judge(token)
        if isinstance(claim, Reason):
            log.warning("a key in the call about %s: %s", message, claim.value)
            return _speak(twiml.ending(f"Not acknowledged: {_of_a_call(claim)}."))
        if not press.acknowledges:
            path = twilio_callback.KEY
            again = twilio_callback.url(self._public_url, path, message=message, token=token)
            return _speak(twiml.asking_again(again))
        if isinstance(claim, AckAllClaim):
            return _speak(twiml.ending(await self._acknowledge_all(claim)))
        return _speak(twiml.ending(await self._acknowledge(replace(claim, via="voice"))))

    async def reply(self, request: Request) -> Response:
        """Somebody answered a text message: a code of their own acknowledges."""
        reply = twilio_callback.reply(await self._proven(request))
        if reply is None:
            return _speak(twiml.answering(""))
        people = [person for person in self._settings.people if _has(person, reply.sender)]
        if not people:
            log.warning("a text message from a number that is nobody's was not heard")
            return _speak(twiml.answering(""))
        if not self._wrong_codes.allowed(reply.sender):
            log.warning("too many wrong codes from the number of %s; not heard", people[0].id)
            return self._decline(reply.sender, "there were too many wrong codes; use the link")
        try:
            pages = await asyncio.to_thread(self._pages_to, people)
        except StoreError:
            log.exception("a reply of %s cannot be judged", people[0].id)
            return self._decline(reply.sender, "try again, or use the link")
        claim = self._codes.find(reply.text, pages, now=wall_ms())
        if isinstance(claim, Wrong):
            if claim is not Wrong.NO_CODE:
                self._wrong_codes.count(reply.sender)
            log.warning("a reply from the number of %s: %s", people[0].id, claim.value)
            return self._decline(reply.sender, claim.value)
        return _speak(twiml.answering(await self._acknowledge(claim)))

    def _decline(self, number: str, why: str) -> Response:
        """Say why not; not for ever, or two machines would talk to each other all night."""
        if not self._declined.allowed(number):
            return _speak(twiml.answering(""))
        self._declined.count(number)
        return _speak(twiml.answering(f"Not acknowledged: {why}."))

    async def _proven(self, request: Request) -> Mapping[str, str]:
        """The fields of a form that Twilio signed; of a name that stands twice, the first."""
        try:
            async with asyncio.timeout(_READ_S):
                body = await request.body()
            fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
        except TimeoutError as error:
            raise HTTPException(HTTPStatus.REQUEST_TIMEOUT) from error
        except ValueError as error:
            raise HTTPException(HTTPStatus.BAD_REQUEST) from error
        given = request.headers.get(twilio_callback.SIGNATURE, "")
        if not self._signatures.holds(given, self._asked(request), fields):
            # Not the path: it may hold a token.
            log.warning(
                "a callback that Twilio did not sign was refused (%s); if Twilio did send it, see "
                "that console.public_url is the address it uses, and auth_token the account's",
                "no signature" if not given else "a wrong signature",
            )
            raise HTTPException(HTTPStatus.FORBIDDEN)
        return dict(reversed(fields))

    def _asked(self, request: Request) -> str:
        """The URL that Twilio was given; a proxy before us may have changed what we see."""
        path: bytes = request.scope.get("raw_path") or request.url.path.encode()
        query: bytes = request.scope.get("query_string", b"")
        end = f"?{query.decode('latin-1')}" if query else ""
        return self._public_url + path.decode("latin-1").partition("?")[0] + end

    @property
    def _public_url(self) -> str:
        return self._settings.public_url.rstrip("/")

    async def _hear(self, message: str, heard: Heard | None) -> Response:
        if heard is None:
            return Response(status_code=HTTPStatus.NO_CONTENT)
        result = "delivered" if heard.delivered else "not-delivered"
        receipt = Receipt(
            id=f"twilio-{heard.provider_id}-{result}",
            at=wall_ms(),
            provider="twilio",
            message=message,
            provider_id=heard.provider_id,
            delivered=heard.delivered,
            note=heard.note,
        )
        try:
            async with asyncio.timeout(KEEP_S):
                await asyncio.to_thread(lambda: self._opened().submit(receipt))
        except OtherActError:
            log.info("%s was said again", receipt.id)
        except (InboxError, TimeoutError):
            # Twilio posts it again, which this status asks for.
            log.exception("%s was not kept", receipt.id)
            return Response(status_code=HTTPStatus.SERVICE_UNAVAILABLE)
        return Response(status_code=HTTPStatus.NO_CONTENT)

    async def _acknowledge(self, claim: AckClaim) -> str:
        """Take it in, once; what the person hears of it."""
        if await asyncio.to_thread(self._was_used, claim):
            log.warning("%s was used again", claim.command_id)
            return _USED
        pressed = await self._desk.press(claim, note="")
        why = pressed.why if pressed.result is Result.REFUSED else ""
        return f"{_SAID[pressed.result]}: {claim.rule}" + (f": {why}" if why else "") + "."

    async def _acknowledge_all(self, claim: AckAllClaim) -> str:
        """Take in all that a summary listed; what the person hears of it."""
        claims, problem = await self._desk.listed(claim)
        if problem or not claims:
            return f"Not acknowledged: {problem or 'the list is not known here; use the link'}."
        spoken = [replace(one, via="voice") for one in claims]
        pressed = await self._desk.press_each(spoken, note="")
        results = Counter(one.result for one in pressed)
        return " ".join(f"{_SAID[result]}: {many} alarms." for result, many in results.items())

    def _was_used(self, claim: AckClaim) -> bool:
        try:
            with AlarmReader(self._settings.data / "alarms.db") as reader:
                return reader.used(claim.command_id)
        except StoreError:
            # The inbox knows a repeat all the same.
            return False

    def _pages_to(self, people: list[Person]) -> list[SentPage]:
        since = wall_ms() - 7 * MAX_AGE_MS
        with AlarmReader(self._settings.data / "alarms.db") as reader:
            return [p for one in people for p in reader.pages_to(one.id, "sms", since=since)]

    def _opened(self) -> Inbox:
        with self._opening:
            if self._inbox is None:
                self._inbox = Inbox(self._settings.data)
            return self._inbox


def _has(person: Person, number: str) -> bool:
    return person.addresses.get("sms") == number


def _of_a_call(reason: Reason) -> str:
    return "this call is too old" if reason is Reason.EXPIRED else "this call does not count"


def _speak(markup: str) -> Response:
    return Response(markup, media_type="text/xml")
