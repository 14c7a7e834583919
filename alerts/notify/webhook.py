"""Pages by signed HTTP POST: the one door to httpx."""

import hashlib
import hmac
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
import msgspec

from alerts.notify.notifier import Message, PermanentError, QuotaError, Sent, TemporaryError

SIGNATURE = "X-Culturewatch-Signature"
TIMESTAMP = "X-Culturewatch-Timestamp"
_PAYMENT_REQUIRED = 402
_AGAIN = frozenset({408, 425, 429})
_SERVER_ERROR = 500
_MAX_RETRY_AFTER_S = 60.0
_NOT_REACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_PORTS = range(1, 65_536)


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """HMAC-SHA256 over ``timestamp``, a dot and the body: what a receiver recomputes.

    The receiver also refuses an old ``timestamp`` (epoch seconds), so that a copy made on the
    way cannot be played again.
    """
    return (
        "sha256=" + hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    )


class WebhookNotifier:
    """Posts each message as JSON to the person's URL.

    The client is the caller's, who opens and closes it. Redirects are not followed: the link
    to acknowledge is in the body. Of an answer only the head counts: no cookie is kept and no
    body is read, so that one receiver can neither spoil the next message nor fill the memory.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        secret: str,
        *,
        timeout_s: float = 10.0,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        client.cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        self._client = client
        self._secret = secret.encode()
        self._timeout_s = timeout_s
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
            "Content-Type": "application/json",
            "Idempotency-Key": message.id,
            TIMESTAMP: timestamp,
            SIGNATURE: signature(self._secret, timestamp, body),
        }
        try:
            async with self._client.stream(
                "POST",
                _url(message.address),
                content=body,
                headers=headers,
                timeout=self._timeout_s,
                follow_redirects=False,
            ) as answer:
                return _judge(answer, message.person)
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, ValueError) as error:
            raise PermanentError(f"webhook of {message.person}: {error}") from error
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise TemporaryError(
                f"webhook of {message.person}: {reason}",
                perhaps_taken=not isinstance(error, _NOT_REACHED),
            ) from error


def _url(address: str) -> httpx.URL:
    url = httpx.URL(address)
    if url.port is not None and url.port not in _PORTS:
        raise httpx.InvalidURL(f"port {url.port} is outside 1 to 65535")
    return url


def _judge(answer: httpx.Response, person: str) -> Sent:
    if answer.is_success:
        return Sent(provider_id=answer.headers.get("X-Request-Id", ""))
    # The URL may hold a secret of the receiver, so only its host is named.
    reason = f"webhook of {person} at {answer.url.host} answered {answer.status_code}"
    if answer.status_code == _PAYMENT_REQUIRED:
        raise QuotaError(f"{reason}: credit is used up")
    if answer.status_code in _AGAIN or answer.status_code >= _SERVER_ERROR:
        raise TemporaryError(reason, retry_after_s=_retry_after_s(answer))
    raise PermanentError(reason)


def _retry_after_s(answer: httpx.Response) -> float | None:
    """RFC 9110 §10.2.3: seconds, or a date; never longer than a page may wait."""
    text = answer.headers.get("Retry-After", "").strip()
    if not text:
        return None
    if text.isdecimal():
        return min(float(text), _MAX_RETRY_AFTER_S)
    try:
        wait = parsedate_to_datetime(text).timestamp() - time.time()
    except ValueError:
        return None
    return min(max(wait, 0.0), _MAX_RETRY_AFTER_S)
