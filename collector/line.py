"""Devices that speak in lines of text: asked in turn, or listened to. Only questions are sent."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Sequence
from itertools import groupby

import msgspec

from collector.address import Address
from collector.clock import Clock
from collector.endpoint_link import EndpointLink
from collector.errors import DeviceError, LinkError
from collector.half_duplex import Quarantine
from collector.reconnect import ConnectBudget
from collector.rounds import Deliver, Rounds, TalkLinkStats, TalkStats, stamped
from collector.schedule import phase
from collector.supervise import OnCrash, supervise
from collector.text_connection import Question, TextConnection, UnaskedConnection
from devices.codec import Decoded
from devices.duration import Duration
from devices.line_codec import LineCodec
from devices.profile import Profile
from devices.scan import Layout, absent
from devices.transport import Line

log = logging.getLogger(__name__)

UNREAD = 64
"""Lines that wait to be read of a device that speaks unasked; older ones are dropped."""
SILENT_PERIODS = 2.0
"""After so many periods without a line, a device that speaks unasked counts as silent."""


class LineDevice(msgspec.Struct, frozen=True, kw_only=True):
    """A device at ``address`` that speaks in lines; ``unit`` is its number on a shared line.

    Raises:
        ValueError: the profile does not speak in lines, or the layout is not the profile's.
    """

    layout: Layout
    profile: Profile
    address: Address
    unit: int
    period: Duration

    def __post_init__(self) -> None:
        keys = tuple(channel.key for channel in self.profile.channels)
        if self.profile.line is None or keys != self.layout.keys:
            raise ValueError(f"{self.layout.device}: is not laid out as {self.profile.model}")

    @property
    def line(self) -> Line:
        """How the model speaks."""
        assert self.profile.line is not None  # noqa: S101 # held by __post_init__
        return self.profile.line


class LineClient(EndpointLink[TextConnection]):
    """Asks devices on one line; ``run`` must be running for it to connect."""

    def __init__(
        self,
        address: Address,
        line: Line,
        *,
        budget: ConnectBudget | None = None,
    ) -> None:
        super().__init__(address, budget=budget)
        self._line = line
        self._quarantine = Quarantine()

    async def ask(self, question: str, unit: int, timeout_s: float) -> str:
        """The answer to ``question``, without its end.

        Raises:
            LinkError: no connection; as NoAnswerError: no usable answer within ``timeout_s``.
        """
        asked = Question(unit, self._line.address.format(unit=unit) + question, timeout_s)
        if self._connection is None:
            asked.settle(LinkError(f"{self.name}: {self._trouble}"))
        else:
            self._connection.submit(asked)
        return (await asked.future).decode("ascii")

    def _protocol(self) -> TextConnection:
        return TextConnection(self._address, self._line, self._counts, self._quarantine)


class _Asked:
    """A device that is asked over ``client``."""

    def __init__(self, device: LineDevice, client: LineClient) -> None:
        self.layout = device.layout
        self.period = device.period
        self._device = device
        self._client = client
        self._codec = LineCodec(device.profile)

    async def ask(self) -> Decoded:
        """Ask every question; the first silence ends the round, and what was said before counts.

        Raises:
            DeviceError: not one question was answered.
        """
        answers: dict[str, str | None] = {}
        for question in self._codec.questions:
            try:
                answers[question] = await self._client.ask(
                    question, self._device.unit, self._device.line.timeout.seconds
                )
            except DeviceError:
                if not answers:
                    raise
                break
        return self._codec.decode(answers)


class Listener(EndpointLink[UnaskedConnection]):
    """Hears one device that speaks unasked: a scan a line, and one that says when none comes."""

    def __init__(
        self, device: LineDevice, *, clock: Clock, deliver: Deliver, budget: ConnectBudget
    ) -> None:
        super().__init__(device.address, budget=budget)
        self._device = device
        self._clock = clock
        self._deliver = deliver
        self._codec = LineCodec(device.profile)
        self._lines: deque[str] = deque(maxlen=UNREAD)
        self._told = asyncio.Event()
        self._is_told_silent = False
        self._heard = 0
        self._missed = 0

    def stats(self) -> tuple[TalkStats, ...]:
        """A snapshot of the counters."""
        return (
            TalkStats(
                device=self._device.layout.device,
                is_answering=self._heard > 0 and not self._is_told_silent,
                polls=self._heard + self._missed,
                answered=self._heard,
            ),
        )

    async def listen(self) -> None:
        """Deliver for ever; only cancellation ends this."""
        silent_s = SILENT_PERIODS * self._device.period.seconds
        while True:
            self._told.clear()
            if (line := self._next()) is not None:
                self._say(line)
                continue
            began_s = time.monotonic()
            try:
                async with asyncio.timeout(silent_s):
                    await self._told.wait()
            except TimeoutError:
                self._miss(time.monotonic() - began_s)
                # Silent already: from now on an absence each period, as if it were asked.
                silent_s = self._device.period.seconds
            else:
                silent_s = SILENT_PERIODS * self._device.period.seconds

    def _next(self) -> str | None:
        return self._lines.popleft() if self._lines else None

    def _take(self, line: str) -> None:
        self._lines.append(line)
        self._told.set()

    def _say(self, line: str) -> None:
        decoded = self._codec.decode({"": line})
        self._heard += 1
        self._deliver(stamped(self._clock, self._device.layout, decoded, 0.0))
        if self._is_told_silent:
            log.info("%s speaks again", self._device.layout.device)
            self._is_told_silent = False

    def _miss(self, waited_s: float) -> None:
        self._missed += 1
        self._deliver(absent(self._device.layout, at=self._clock.now()))
        if not self._is_told_silent:
            log.warning("%s said nothing for %.0f s", self._device.layout.device, waited_s)
            self._is_told_silent = True

    def _protocol(self) -> UnaskedConnection:
        return UnaskedConnection(self._device.line, self._counts, self._take)


class LineCollector:
    """All devices of a site that speak in lines: one connection an endpoint.

    ``deliver`` takes each scan at once; ``on_crash`` is told the name of a part that crashed.

    Raises:
        ValueError: devices that cannot share an endpoint do.
    """

    def __init__(
        self,
        devices: Iterable[LineDevice],
        *,
        clock: Clock,
        deliver: Deliver,
        on_crash: OnCrash,
    ) -> None:
        self._on_crash = on_crash
        self._parts: list[tuple[str, Callable[[], Coroutine[None, None, None]]]] = []
        self._links: list[tuple[LineClient | Listener, Callable[[], tuple[TalkStats, ...]]]] = []
        budget = ConnectBudget()
        groups = _by_endpoint(devices)
        for index, group in enumerate(groups):
            name, first = group[0].address.name, group[0]
            if first.profile.is_unasked:
                hears = Listener(first, clock=clock, deliver=deliver, budget=budget)
                self._parts += [(f"link {name}", hears.run), (f"listen {name}", hears.listen)]
                self._links.append((hears, hears.stats))
                continue
            client = LineClient(first.address, first.line, budget=budget)
            rounds = Rounds(
                [_Asked(device, client) for device in group],
                clock=clock,
                deliver=deliver,
                offset=phase(index, len(groups)),
            )
            client.on_connect = rounds.hurry
            self._parts += [(f"link {name}", client.run), (f"ask {name}", rounds.run)]
            self._links.append((client, rounds.stats))

    def stats(self) -> tuple[TalkLinkStats, ...]:
        """A snapshot of every endpoint's counters."""
        return tuple(
            TalkLinkStats(
                endpoint=link.name,
                connected=link.is_connected,
                connects=link.connects,
                devices=stats(),
            )
            for link, stats in self._links
        )

    async def run(self) -> None:
        """Ask and listen for ever; only cancellation ends this."""
        async with asyncio.TaskGroup() as tasks:
            for name, run in self._parts:
                tasks.create_task(supervise(name, run, on_crash=self._on_crash), name=name)


def _by_endpoint(devices: Iterable[LineDevice]) -> list[Sequence[LineDevice]]:
    def place(device: LineDevice) -> str:
        return device.address.name

    groups = [tuple(group) for _, group in groupby(sorted(devices, key=place), key=place)]
    for group in groups:
        names = ", ".join(device.layout.device for device in group)
        if len({(device.address, device.line) for device in group}) > 1:
            raise ValueError(f"{names}: do not speak alike and cannot share {place(group[0])}")
        alone = group[0].profile.is_unasked or not group[0].line.address
        if alone and len(group) > 1:
            raise ValueError(f"{names}: have no numbers of their own on {place(group[0])}")
    return list(groups)
