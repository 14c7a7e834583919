"""Gets a calendar over HTTP: the one door to httpx of this package."""

import asyncio
from http import HTTPStatus

import httpx

from alerts.rota.feeds import LARGEST_BYTES, FeedError, Fetched

FETCH_S = 30.0
"""All of getting a calendar: connecting, redirects and the last byte."""


async def fetch(url: str, etag: str, *, within_s: float = FETCH_S) -> Fetched:
    """What stands at a URL, unless it still has this ETag (RFC 9110, 13.1.2).

    Raises:
        FeedError: no answer in time, an answer that is none, or one larger than a rota.
    """
    # Packed answers could be small on the wire and large in memory.
    headers = {"Accept-Encoding": "identity"} | ({"If-None-Match": etag} if etag else {})
    client = httpx.AsyncClient(trust_env=False, follow_redirects=True, max_redirects=3)
    try:
        async with (
            asyncio.timeout(within_s),
            client,
            client.stream("GET", url, headers=headers) as answer,
        ):
            if etag and answer.status_code == HTTPStatus.NOT_MODIFIED:
                return Fetched(None, etag)
            if answer.status_code != HTTPStatus.OK:
                raise FeedError(f"its server answers {answer.status_code}")
            body = bytearray()
            async for piece in answer.aiter_raw():
                body += piece
                if len(body) > LARGEST_BYTES:
                    raise FeedError(f"is larger than {LARGEST_BYTES} bytes, which is no rota")
            return Fetched(bytes(body), answer.headers.get("ETag", ""))
    except TimeoutError as error:
        raise FeedError(f"its server does not answer within {within_s:g} s") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        # Not the error's own words: they may hold the address, which may be a secret.
        raise FeedError(f"its server cannot be reached: {type(error).__name__}") from None
