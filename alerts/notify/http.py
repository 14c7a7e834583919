"""HTTP to those who carry messages, bounded in time and in size: the one door to httpx."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from email.utils import parsedate_to_datetime
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import MappingProxyType
from urllib.parse import urlencode, urlsplit

import httpx
import msgspec

from alerts.notify.notifier import PermanentError, QuotaError, SendError, TemporaryError

# It logs each URL, and these hold secrets.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)

# It logs each URL, and these hold secrets.
logging.getLogger("httpx").setLevel(logging.WARNING)
logging.getLogger("httpcore").setLevel(logging.WARNING)

LARGEST_ANSWER = 64 * 1024
"""Bytes of an answer that are read; what a provider documents is a few hundred."""
FORM: Mapping[str, str] = MappingProxyType({"Content-Type": "application/x-www-form-urlencoded"})
JSON: Mapping[str, str] = MappingProxyType({"Content-Type": "application/json"})
_NONE: Mapping[str, str] = MappingProxyType({})
_PAYMENT_REQUIRED = 402
_AGAIN = frozenset({408, 425, 429})
_SERVER_ERROR = 500
_MAX_RETRY_AFTER_S = 60.0
_LONGEST_WORDS = 200
_NOT_REACHED = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
_NEVER = (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError, ValueError)
_PORTS = range(1, 65_536)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a server answered; the names in ``headers`` are in lower case.

    ``body`` ends after ``LARGEST_ANSWER`` bytes.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def good(self) -> bool:
        """Whether the status is one of 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 # RFC 9110 §15.3


class HttpClient:
    """Asks servers, each within ``timeout_s`` from first to last byte. Made by ``open_http``.

    Redirects are not followed: what is sent acknowledges alarms, and holds secrets. No cookie is
    kept, so that one receiver cannot spoil the next message.
    """

    def __init__(self, client: httpx.AsyncClient, *, timeout_s: float) -> None:
        client.cookies = CookieJar(DefaultCookiePolicy(allowed_domains=()))
        self._client = client
        self._timeout_s = timeout_s

    async def post(
        self,
        url: str,
        body: bytes,
        *,
        who: str,
        headers: Mapping[str, str] = _NONE,
        login: tuple[str, str] | None = None,
        read: bool = True,
    ) -> Answer:
        """The answer to a POST, whatever its status. ``who`` stands in errors, the URL never.

        Without ``read`` the head is all of the answer that counts: its body is left.

        Raises:
            TemporaryError: unreachable, slow, or cut off.
            PermanentError: this cannot be asked: no URL, or a header that is none.
        """
        asked = {"Accept-Encoding": "identity", **headers}
        auth = None if login is None else httpx.BasicAuth(*login)
        return await self._ask("POST", url, who, read=read, content=body, headers=asked, auth=auth)

    async def get(self, url: str, *, who: str) -> Answer:
        """The answer to a GET; errors as of ``post``."""
        asked = {"Accept-Encoding": "identity"}
        return await self._ask("GET", url, who, read=True, headers=asked)

    async def _ask(self, method: str, url: str, who: str, *, read: bool, **more: object) -> Answer:
        body = bytearray()
        answer: httpx.Response | None = None
        try:
            async with (
                asyncio.timeout(self._timeout_s) as bound,
                self._client.stream(method, _url(url), **more) as answer,  # type: ignore[arg-type] # httpx's own
            ):
                if read:
                    await _take(answer, body, bound)
        except UnicodeError:
            # Not the error's own words: they may carry a part of a secret.
            raise PermanentError(f"{who}: its address or secret is not plain ASCII") from None
        except _NEVER as error:
            raise PermanentError(f"{who}: {error}") from error
        except TimeoutError as error:
            if answer is None or len(body) < LARGEST_ANSWER:
                what = f"{who}: no answer within {self._timeout_s:g} s"
                raise TemporaryError(what, perhaps_taken=True) from error
        except httpx.HTTPError as error:
            raise TemporaryError(
                f"{who}: {str(error) or type(error).__name__}",
                perhaps_taken=not isinstance(error, _NOT_REACHED),
            ) from error
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(status=answer.status_code, headers=headers, body=bytes(body[:LARGEST_ANSWER]))


@asynccontextmanager
async def open_http(*, timeout_s: float = 10.0) -> AsyncIterator[HttpClient]:
    """A client; proxies and passwords that stand in the environment are not for it."""
    async with httpx.AsyncClient(
        trust_env=False,
        follow_redirects=False,
        # Whom nobody reached has nothing: that is found out before the whole time is over.
        timeout=httpx.Timeout(timeout_s, connect=timeout_s * 0.8),
    ) as client:
        yield HttpClient(client, timeout_s=timeout_s)


def form(fields: Iterable[tuple[str, str]]) -> bytes:
    """A body of the type ``FORM``."""
    return urlencode(list(fields)).encode()


def host_of(url: str) -> str:
    """The host of a URL, which is no secret as the rest of it may be."""
    try:
        return urlsplit(url).hostname or "nowhere"
    except ValueError:
        return "nowhere"


def words(text: str) -> str:
    """What a provider said, as one line that can be shown and is not too long."""
    plain = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(plain.split())[:_LONGEST_WORDS]


def refusal(answer: Answer, reason: str) -> SendError:
    """What a status that is not 2xx asks the sender to do, where the body says nothing better.

    402 is quota; 408, 425, 429 and 5xx are temporary; all others are permanent.
    """
    if answer.status == _PAYMENT_REQUIRED:
        return QuotaError(f"{reason}: credit is used up")
    if answer.status in _AGAIN or answer.status >= _SERVER_ERROR:
        return TemporaryError(reason, retry_after_s=retry_after_s(answer))
    return PermanentError(reason)


def retry_after_s(answer: Answer) -> float | None:
    """RFC 9110 §10.2.3: seconds, or a date; never longer than a page may wait."""
    text = answer.headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isdecimal():
        return min(float(text), _MAX_RETRY_AFTER_S)
    try:
        wait = parsedate_to_datetime(text).timestamp() - time.time()
    except ValueError:
        return None
    return min(max(wait, 0.0), _MAX_RETRY_AFTER_S)


async def _take(answer: httpx.Response, body: bytearray, bound: asyncio.Timeout) -> None:
    async for part in answer.aiter_raw():
        body += part
        if len(body) >= LARGEST_ANSWER:
            # Not a break: it would leave httpx's generators for somebody else to close.
            bound.reschedule(asyncio.get_running_loop().time())


def _url(address: str) -> httpx.URL:
    url = httpx.URL(address)
    if url.port is not None and url.port not in _PORTS:
        raise httpx.InvalidURL(f"port {url.port} is outside 1 to 65535")
    return url
