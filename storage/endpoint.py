"""The one door to InfluxDB's ``/api/v2/write``, which 1.8, 2 and 3 Core share."""

import asyncio
import ssl
import zlib
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import httpx
import msgspec

from storage.points import PRECISION
from storage.verdict import Fate, Verdict, judge

CONNECT_S = 5.0
ANSWER_S = 30.0
REQUEST_S = 60.0
_NOTHING = "# culturewatch doctor\n"
"""A comment in line protocol: a write of it needs every right, and leaves no point."""


class _Retention(msgspec.Struct):
    everySeconds: int = 0  # noqa: N815 # InfluxDB's name


class _Bucket(msgspec.Struct):
    retentionRules: list[_Retention] = []  # noqa: N815 # InfluxDB's name


class _Buckets(msgspec.Struct):
    buckets: list[_Bucket] = []


def packed(lines: list[str]) -> bytes:
    """``lines`` as the body of a request: gzip, at the level that costs least."""
    return zlib.compress("".join(lines).encode(), level=1, wbits=zlib.MAX_WBITS | 16)


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """What a token may do. ``fate`` is that of a write that holds no point.

    ``keeps_s`` is how long the bucket keeps points (0: for good), None where the token may not
    see that.
    """

    fate: Fate
    reason: str
    keeps_s: int | None


class WriteEndpoint:
    """Writes into one bucket over at most ``connections`` kept-alive connections.

    An async context manager that may be entered again after it was left.
    """

    def __init__(self, url: str, *, org: str, bucket: str, token: str, connections: int) -> None:
        self.requests = 0
        self.in_flight = 0
        self._url = url
        self._params = {"org": org, "bucket": bucket, "precision": PRECISION}
        self._headers = {
            "Authorization": f"Token {token}",
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Encoding": "gzip",
        }
        self._limits = httpx.Limits(max_connections=connections)
        # The machine's own authorities: a hospital's servers often have a certificate of its own.
        self._trust = ssl.create_default_context()
        self._client = self._closed_client()

    def _closed_client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=self._url,
            headers=self._headers,
            limits=self._limits,
            verify=self._trust,
            timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
            # With it, a .netrc on the machine would replace the token.
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, trace)
        self._client = self._closed_client()

    async def rights(self) -> Rights:
        """Whether points would be taken, without giving any; a server away is told so too."""
        verdict = await self.write(packed([_NOTHING]))
        keeps_s = await self._keeps_s() if verdict.fate is Fate.STORED else None
        return Rights(fate=verdict.fate, reason=verdict.told, keeps_s=keeps_s)

    async def _keeps_s(self) -> int | None:
        try:
            answer = await self._client.get(
                "/api/v2/buckets",
                params={"org": self._params["org"], "name": self._params["bucket"]},
            )
            found = msgspec.json.decode(answer.content, type=_Buckets).buckets
        except (httpx.HTTPError, msgspec.MsgspecError):
            return None
        rules = found[0].retentionRules if found else None
        return None if rules is None else sum(rule.everySeconds for rule in rules)

    async def write(self, body: bytes) -> Verdict:
        """Sends one packed body; a server that cannot be reached is a verdict too."""
        self.requests += 1
        self.in_flight += 1
        try:
            async with asyncio.timeout(REQUEST_S):
                answer = await self._client.post("/api/v2/write", params=self._params, content=body)
        except (httpx.HTTPError, TimeoutError) as error:
            said = str(error) or f"no answer ({type(error).__name__})"
            return Verdict(fate=Fate.LATER, reason=said)
        finally:
            self.in_flight -= 1
        return judge(answer.status_code, answer.headers, answer.text, now=datetime.now(UTC))
