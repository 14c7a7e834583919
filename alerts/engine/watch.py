"""What is watched of one device: its channels, and the shortcut for scans that change nothing."""

from math import inf
from typing import NamedTuple

from msgspec.structs import replace

from alerts.channel import ChannelSpec
from alerts.engine.filter import Event, Sample
from alerts.engine.limits import Side
from alerts.engine.monitor import Monitor, Touched
from alerts.engine.signal import Event as Heard
from alerts.engine.signal import Fact, Signal, Trust, judge
from alerts.engine.timing import PERIODS
from devices.quality import VALUELESS, Quality
from devices.scan import Layout, Scan, Source

AHEAD_MS = 60_000
"""A sample stamped further ahead of its arrival than this is taken at its arrival."""

OLDEST_MS = 946_684_800_000
"""The year 2000: an earlier stamp is a clock that was never set, and its sample is not judged."""

TRUSTED = frozenset({Quality.GOOD, Quality.CLOCK_UNSURE})
FAULTS = frozenset({Quality.OUT_OF_RANGE, Quality.SENSOR_FAULT})


SCREENS = frozenset({"spike", "disagreement"})
"""Kinds of rules that decide whether a good sample is to be trusted."""


class Shown(NamedTuple):
    """One channel of a scan, its time in steady ms. ``live`` as opposed to from a buffer."""

    at: int
    now: int
    value: float | None
    quality: Quality
    live: bool


class News(NamedTuple):
    """What a sample or silence did to one channel: ``told`` of its quality, and to its rules."""

    channel: "Channel"
    told: str
    touched: tuple[Touched, ...]


class Channel:
    """One channel with the monitors of its rules."""

    def __init__(
        self,
        spec: ChannelSpec,
        monitors: list[Monitor],
        listeners: list[tuple[Monitor, int]] | None = None,
    ) -> None:
        self.spec = spec
        self.monitors = monitors
        self.listeners = listeners or []
        self.signal = Signal()
        self.define()

    def define(self) -> None:
        """Take in which rules there are, and by what they judge."""
        alive = [m for m in self.monitors if not m.removed]
        self.values = [m for m in alive if m.judges_values]
        self.silences = [m for m in alive if m.rule.kind == "silence"]
        self.faults = [m for m in alive if m.rule.kind == "out-of-range"]
        self.screens = [m for m in alive if m.rule.kind in SCREENS]
        self.heard_by = [(m, place) for m, place in self.listeners if not m.removed]
        allowances = [m.allowance for m in self.silences]
        self.allowance = min(allowances, default=PERIODS * self.spec.period_ms)
        self.needed = max((m.rule.good_after for m in self.faults), default=1)
        self.low, self.high = self.band
        self.resting = False

    @property
    def quiet(self) -> bool:
        """Whether a good value on the safe side of all limits would change nothing."""
        if self.signal.trust is not Trust.GOOD:
            return False
        for monitors in (self.values, self.silences, self.faults):
            for monitor in monitors:
                if not monitor.calm:
                    return False
        return True

    @property
    def band(self) -> tuple[float, float]:
        """The open interval in which a value is surely on the safe side of all limits."""
        if self.screens or self.heard_by:
            return inf, -inf
        low = max((m.low for m in self.values), default=-inf)
        return low, min((m.high for m in self.values), default=inf)

    def passes(self, at: int, value: float | None) -> bool:
        """Take a live good sample that changes nothing; False if it has to be looked at."""
        signal = self.signal
        if value is None or not (self.resting and self.low < value < self.high):
            return False
        if signal.good_at is None or at <= signal.good_at:
            return False
        self.signal = replace(signal, heard=at, good_at=at, value=value)
        return True

    def rest(self) -> bool:
        """Find out anew whether samples may pass, and say so."""
        self.resting = self.quiet
        return self.resting

    def due(self) -> int | None:
        """When silence has to be judged next."""
        if self.resting and self.signal.heard is not None:
            return max(self.signal.heard, self.signal.floor) + self.allowance
        times = [self.signal.silent_from(self.allowance)]
        times += [
            self.signal.blind_from(m.allowance)
            for m in self.silences
            if m.filters[0].latest is not Side.TRUE
        ]
        return min((due for due in times if due is not None), default=None)

    def hear(self, shown: Shown) -> News:
        """Judge one sample."""
        self.resting = False
        if shown.quality in TRUSTED and shown.value is not None:
            code, screened = self._screened(shown, shown.value)
            news = self._held(shown, code) if code else self._good(shown, shown.value)
            return news._replace(touched=(*screened, *news.touched))
        if not shown.live or (self.signal.heard is not None and shown.at <= self.signal.heard):
            return News(self, "", ())
        told = ""
        if shown.quality in FAULTS:
            told = self._judge(Heard.FAIL, Fact(shown.at, code=shown.quality.word))
        elif shown.quality not in VALUELESS:
            told = self._judge(Heard.SUSPECT, Fact(shown.at, code=shown.quality.word))
        if shown.quality in FAULTS or shown.quality not in VALUELESS:
            self.signal = replace(self.signal, heard=shown.at)
        sample = Sample(at=shown.at, now=shown.now, newest=self.signal.good_at)
        touched = [m.show(Event.BAD, sample) for m in self.values]
        if shown.quality in FAULTS:
            touched += [m.show(Event.TRUE, sample) for m in self.faults]
        return News(self, told, tuple(touched))

    def _screened(self, shown: Shown, value: float) -> tuple[str, list[Touched]]:
        """Why a sample is not to be trusted, empty if it is, and what that did to the screens."""
        newest = self.signal.good_at
        if not shown.live or (newest is not None and shown.at <= newest):
            return "", []
        code, touched = "", []
        sample = Sample(at=shown.at, now=shown.now, value=value, newest=newest)
        for monitor in self.screens:
            found, shown_to = monitor.screen(sample)
            code = code or found
            touched.append(shown_to)
        return code, touched

    def _held(self, shown: Shown, code: str) -> News:
        """A sample that a screen holds back: neither good nor silence."""
        told = self._judge(Heard.SUSPECT, Fact(shown.at, code=code))
        self.signal = replace(self.signal, heard=shown.at)
        sample = Sample(at=shown.at, now=shown.now, newest=self.signal.good_at)
        return News(self, told, tuple(m.show(Event.BAD, sample) for m in self.values))

    def miss(self, due: int, now: int) -> News:
        """Judge that nothing came by ``due``."""
        self.resting = False
        told, touched = "", list[Touched]()
        sample = Sample(at=due, now=now, newest=self.signal.good_at)
        silent = self.signal.silent_from(self.allowance)
        if silent is not None and silent <= due:
            told = self._judge(Heard.SILENT, Fact(due))
            touched = [m.show(Event.BAD, sample) for m in self.values]
        for monitor in self.silences:
            blind = self.signal.blind_from(monitor.allowance)
            if blind is not None and blind <= due and monitor.filters[0].latest is not Side.TRUE:
                touched.append(monitor.show(Event.TRUE, sample))
        return News(self, told, tuple(touched))

    def restart(self, now: int) -> None:
        """Silence is measured from here, with the same allowance."""
        self.resting = False
        self._judge(Heard.RESTART, Fact(now))
        self.signal = self.signal.heard_after(now, self.allowance)

    def rejudge(self, monitor: Monitor, now: int) -> Touched:
        """Show a monitor the newest good sample after a restart.

        What judges a measure of it has judged that when the sample came.
        """
        self.resting = False
        at, value = self.signal.good_at, self.signal.value
        plain = monitor.judges_values and monitor.measure is None
        if at is None or value is None or not plain:
            return monitor.show(Event.RESTART, Sample(at=now, now=now))
        sample = Sample(at=at, now=now, value=value)
        sides = monitor.limits.sides(value)
        return monitor.show_each([(Event.RESTART, sample._replace(side=s)) for s in sides])

    def _good(self, shown: Shown, value: float) -> News:
        newest = self.signal.good_at
        sample = Sample(at=shown.at, now=shown.now, value=value, newest=newest)
        if shown.at == newest:
            return self._second(sample)
        fresh = shown.live or shown.now - shown.at <= self.allowance
        late = not fresh or (newest is not None and shown.at < newest)
        if late:
            sample = sample._replace(gap=self.signal.gap_around(shown.at, shown.now))
        moved = [m for m in self.values if late or not m.is_unmoved_by(value)]
        touched = [m.show_value(sample, late=late) for m in moved]
        if late:
            return News(self, "", tuple(touched))
        for monitor, place in self.heard_by:
            if monitor.rule.kind in SCREENS:
                touched.append(monitor.overhear(sample, place))
            else:
                touched.append(monitor.show_value(sample, late=False, place=place))
        told = ""
        if shown.live:
            told = self._judge(Heard.GOOD, Fact(shown.at, needed=self.needed))
            self.signal = replace(self.signal, heard=shown.at)
            touched += [m.show(Event.FALSE, sample) for m in self.silences if not m.calm]
            if self.signal.trust is Trust.GOOD:
                touched += [m.show(Event.FALSE, sample) for m in self.faults if not m.calm]
        signal = self.signal.heard_after(shown.at, self.allowance)
        self.signal = replace(signal, good_at=shown.at, value=value)
        return News(self, told, tuple(touched))

    def _second(self, sample: Sample) -> News:
        """A sample for a time that has one: the same is nothing new, of two the worse counts."""
        if sample.value == self.signal.value:
            return News(self, "", ())
        before = self.signal.value or 0.0
        plain = [m for m in self.values if m.measure is None]
        worse = [m for m in plain if m.limits.is_worse(sample.value, before)]
        touched = [m.show_value(sample, late=False) for m in worse]
        if worse:
            self.signal = replace(self.signal, value=sample.value)
        return News(self, "two values for one time; the worse counts", tuple(touched))

    def _judge(self, event: Heard, fact: Fact) -> str:
        self.signal, told = judge(self.signal, event, fact)
        return told


class Watch:
    """All watched channels of one device, in the order of the rulebook.

    As long as every channel is good and every value on the safe side, a scan costs only the
    comparisons; the channels learn of it when something is asked of them (``settle``). Else it
    costs a look at those channels that are not so.
    """

    def __init__(self, device: str, channels: list[Channel], order: int) -> None:
        self.device = device
        self.channels = channels
        self.order = order
        self.scheduled: int | None = None
        self._newest = 0
        self._places: tuple[int | None, ...] = ()
        self._pending: tuple[float | None, ...] | None = None
        self.define()

    def define(self) -> None:
        """Take in which rules there are; the channels have been told before."""
        spans = [c.allowance for c in self.channels]
        spans += [m.allowance for c in self.channels for m in c.silences]
        self._shortest = min(spans)
        self._layout: Layout | None = None
        self.refresh()

    def passes(self, scan: Scan, at: int, received: int) -> bool:
        """Take a live scan that changes nothing; False if it has to be looked at."""
        if (
            not self._quiet
            or (scan.layout is not self._layout and scan.layout != self._layout)
            or scan.qualities != self._good
            or not self._newest < at <= received + AHEAD_MS
            or scan.source is not Source.LIVE
        ):
            return False
        values = scan.values
        for place, low, high in self._bands:
            if not low < values[place] < high:  # type: ignore[operator] # all good: no None
                return False
        self._newest = at
        self._pending = values
        return True

    def hear(self, scan: Scan, at: int, received: int, now: int) -> list[News]:
        """Judge a scan channel by channel."""
        self.settle()
        self._bind(scan.layout)
        if scan.at < OLDEST_MS:
            self._look()
            return []
        if at > received + AHEAD_MS:
            at = received
        news, is_live = [], scan.source is Source.LIVE
        for channel, place in zip(self.channels, self._places, strict=True):
            if place is None:
                continue
            code = scan.qualities[place]
            if is_live and code == Quality.GOOD and channel.passes(at, scan.values[place]):
                continue
            quality = Quality(code)
            if scan.source is Source.TEST and quality.has_value:
                quality = Quality.TEST
            taken = received if quality is Quality.CLOCK_UNSURE else at
            live = scan.source is not Source.BACKFILL
            if quality is Quality.CLOCK_UNSURE and not live:
                continue
            shown = Shown(taken, now, scan.values[place], quality, live)
            news.append(channel.hear(shown))
        self._look()
        return news

    def miss(self, due: int, now: int) -> list[News]:
        """Judge the silence of every channel that was due by ``due``."""
        self.settle()
        dues = [(c, c.due()) for c in self.channels]
        return [c.miss(due, now) for c, at in dues if at is not None and at <= due]

    def await_new(self, now: int) -> None:
        """Channels that were never watched before are expected from now on."""
        for channel in self.channels:
            if channel.signal.since is None:
                channel.signal = replace(channel.signal, since=now, floor=now)
        self.refresh()

    def restart(self, now: int) -> None:
        """A run began."""
        for channel in self.channels:
            channel.restart(now)
        self.await_new(now)

    def due(self) -> int | None:
        """When silence has to be judged next."""
        if self._pending is None:
            return self._due
        return max(self._newest, self.channels[0].signal.floor) + self._shortest

    def settle(self) -> None:
        """Let the channels know of the scans that passed."""
        values = self._pending
        if values is None:
            return
        self._due = self.due()
        self._pending = None
        for channel, place in zip(self.channels, self._places, strict=True):
            if place is not None:
                at = self._newest
                channel.signal = replace(channel.signal, heard=at, good_at=at, value=values[place])

    def refresh(self) -> None:
        """Find out anew whether scans may pass, and when silence is due.

        Whoever does something to channels or their monitors from elsewhere calls it.
        """
        self.settle()
        for channel in self.channels:
            channel.resting = False
        self._look()

    def _look(self) -> None:
        """Look at the channels that something was done to."""
        rest = [c.resting or c.rest() for c in self.channels]
        self._quiet = all(rest) and None not in self._places
        self._newest = max(c.signal.good_at or 0 for c in self.channels)
        dues = [due for c in self.channels if (due := c.due()) is not None]
        self._due = min(dues, default=None)

    def _bind(self, layout: Layout) -> None:
        if layout == self._layout:
            return
        index = {key: place for place, key in enumerate(layout.keys)}
        self._places = tuple(index.get(c.spec.key) for c in self.channels)
        self._good = bytes(len(layout.keys))
        self._layout = layout
        found = zip(self.channels, self._places, strict=True)
        bands = [(place, *c.band) for c, place in found if place is not None]
        self._bands = tuple(b for b in bands if b[1:] != (-inf, inf))
