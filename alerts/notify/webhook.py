"""Pages by signed HTTP POST."""

import hashlib
import hmac
import time
from collections.abc import Callable

import msgspec

from alerts.notify.http import JSON, HttpClient, host_of, refusal
from alerts.notify.notifier import Message, Sent

SIGNATURE = "X-Culturewatch-Signature"
TIMESTAMP = "X-Culturewatch-Timestamp"


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over ``timestamp``, a dot and the body: what a receiver recomputes.

    The receiver also refuses an old ``timestamp`` (epoch seconds), so that a copy made on the
    way cannot be played again.
    """
    return (
        "sha256=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    )


class WebhookNotifier:
    """Posts each message as JSON to the person's URL. Of an answer only the head counts."""

    def __init__(
        self, http: HttpClient, secret: str, *, now_s: Callable[[], float] = time.time
    ) -> None:
        self._http = http
        self._secret = secret.encode()
        self._now_s = now_s

    async def send(self, message: Message) -> Sent:
        """Post one message. 2xx is accepted; 408, 425, 429 and 5xx are temporary.

        Raises:
            TemporaryError: unreachable, slow, or the server asks for later.
            PermanentError: any other answer, or not a URL.
        """
        body = msgspec.json.encode(message)
        timestamp = str(int(self._now_s()))
        headers = {
            **JSON,
            "Idempotency-Key": message.id,
            TIMESTAMP: timestamp,
            SIGNATURE: signature(self._secret, timestamp, body),
        }
        who = f"webhook of {message.person}"
        answer = await self._http.post(message.address, body, who=who, headers=headers, read=False)
        if answer.good:
            return Sent(provider_id=answer.headers.get("x-request-id", ""))
        # The URL may hold a secret of the receiver, so only its host is named.
        raise refusal(answer, f"{who} at {host_of(message.address)} answered {answer.status}")
