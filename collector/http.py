"""Devices that answer HTTP with JSON; the one door to httpx here. Only GET, and never a value."""

import asyncio
from collections.abc import Iterable
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx
import msgspec

from collector.clock import Clock
from collector.errors import LinkError, NoAnswerError
from collector.rounds import Deliver, Rounds, TalkLinkStats
from collector.schedule import phase
from collector.supervise import OnCrash, supervise
from devices.codec import Decoded
from devices.decoded import PoisonError
from devices.duration import Duration
from devices.json_codec import LARGEST, JsonCodec
from devices.profile import Profile
from devices.scan import Layout
from devices.transport import Http

GOOD = 200
UNPACKED = "identity"
_PLAIN = {"Accept-Encoding": UNPACKED}
"""Packed, a small answer could be a huge one."""
_EACH_ITS_OWN = httpx.Limits(max_connections=None)
"""Each is asked one thing at a time; with a common bound those that hang would keep others out."""


class HttpDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device that answers at ``host:port``.

    Raises:
        ValueError: the profile does not speak HTTP, or the layout is not the profile's.
    """

    layout: Layout
    profile: Profile
    host: str
    port: int
    period: Duration

    def __post_init__(self) -> None:
        keys = tuple(channel.key for channel in self.profile.channels)
        if self.profile.http is None or keys != self.layout.keys:
            raise ValueError(f"{self.layout.device}: is not laid out as {self.profile.model}")

    @property
    def http(self) -> Http:
        """How the model answers."""
        assert self.profile.http is not None  # noqa: S101 # held by __post_init__
        return self.profile.http

    @property
    def url(self) -> str:
        """What is got."""
        return f"http://{self.place}{self.http.path}"

    @property
    def place(self) -> str:
        """Where it answers, as people write it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


class _Asked:
    """A device that is asked over ``client``."""

    def __init__(self, device: HttpDevice, client: httpx.AsyncClient) -> None:
        self.layout = device.layout
        self.period = device.period
        self._device = device
        self._client = client
        self._codec = JsonCodec(device.profile)

    async def ask(self) -> Decoded:
        """Get the device's answer once.

        Raises:
            LinkError: there is none that can be used; as NoAnswerError: none in time.
        """
        url, timeout_s = self._device.url, self._device.http.timeout.seconds
        try:
            async with asyncio.timeout(timeout_s):
                body, is_whole = await self._got(url)
        except (TimeoutError, httpx.TimeoutException):
            raise NoAnswerError(f"{url}: no answer within {timeout_s:g} s") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise NoAnswerError(f"{url}: {str(error) or type(error).__name__}") from error
        try:
            found = self._codec.decode(body, is_whole=is_whole)
        except PoisonError as error:
            raise LinkError(f"{url}: {error}") from error
        return found.values, found.qualities

    async def _got(self, url: str) -> tuple[bytes, bool]:
        """The body, and whether its sender said how long it is."""
        async with self._client.stream("GET", url) as answer:
            if answer.status_code != GOOD:
                raise LinkError(f"{url}: answers with status {answer.status_code}; check the model")
            packed = answer.headers.get("content-encoding", UNPACKED)
            if packed.casefold() != UNPACKED:
                raise LinkError(f"{url}: answers packed ({packed:.20}), which nobody asked for")
            body = b""
            # As they came: what httpx unpacks it unpacks whole, however large that is.
            async for part in answer.aiter_raw():
                body += part
                if len(body) > LARGEST:
                    raise LinkError(f"{url}: answers with more than {LARGEST} bytes")
            said = {"content-length", "transfer-encoding"} & answer.headers.keys()
            return body, bool(said)


class HttpCollector:
    """All devices of a site that answer HTTP, each by itself."""

    def __init__(
        self, devices: Iterable[HttpDevice], *, clock: Clock, deliver: Deliver, on_crash: OnCrash
    ) -> None:
        self._devices = tuple(devices)
        self._clock = clock
        self._deliver = deliver
        self._on_crash = on_crash
        self._rounds: tuple[Rounds, ...] = ()

    def stats(self) -> tuple[TalkLinkStats, ...]:
        """A snapshot of every device's counters; empty until it runs."""
        return tuple(
            TalkLinkStats(
                endpoint=device.place,
                connected=any(one.is_answering for one in rounds.stats()),
                connects=None,
                devices=rounds.stats(),
            )
            for device, rounds in zip(self._devices, self._rounds, strict=False)
        )

    async def run(self) -> None:
        """Ask for ever; only cancellation ends this."""
        if not self._devices:
            return
        async with (
            _client() as client,
            asyncio.TaskGroup() as tasks,
        ):
            self._rounds = tuple(
                Rounds(
                    [_Asked(device, client)],
                    clock=self._clock,
                    deliver=self._deliver,
                    offset=phase(index, len(self._devices)),
                )
                for index, device in enumerate(self._devices)
            )
            for device, rounds in zip(self._devices, self._rounds, strict=True):
                name = f"ask {device.layout.device}"
                tasks.create_task(supervise(name, rounds.run, on_crash=self._on_crash), name=name)


def _client() -> httpx.AsyncClient:
    """One for all devices. What a device wants kept (cookies) is not kept."""
    return httpx.AsyncClient(
        # With it, a proxy of the machine would stand between us and the laboratory.
        trust_env=False,
        headers=_PLAIN,
        limits=_EACH_ITS_OWN,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
    )
