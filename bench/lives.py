"""Devices that live for years by the simulators' physics, a sample a minute, until one breaks.

Each life gives what its sensors show, with noise that hangs together from one minute to the next
(AR(1), φ = 0.9) of the deviation that the simulators use, and says what is true behind them.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cache
from math import sqrt
from random import Random

import msgspec

from bench.equipment import KINDS, MINUTE_S, Kind
from bench.habits import (
    INCUBATOR_DOOR,
    LN2_LID,
    REFRIGERATOR_DOOR,
    SMALL_DEWARS,
    ULTRA_COLD_DOOR,
    Habit,
    openings,
)
from devices.quality import Quality
from simulators import cabinet, freezer, incubator, room

PHI = 0.9
LOST = 0.001
"""Share of samples that do not come, as with any poll."""
_change = msgspec.structs.replace

Shown = tuple[tuple[float | None, ...], bytes]


class Life(ABC):
    """One device. ``broken`` is what has failed, ``silent`` and ``faulty`` how that shows."""

    kind: Kind

    def __init__(self, seed: int, habit: Habit) -> None:
        self.random = Random(seed)
        self.now_s = 0
        self.broken = ""
        self.busy = True
        self.silent = False
        self.faulty: frozenset[int] = frozenset()
        self.held_open = False
        self._noise = [0.0] * len(self.kind.channels)
        self._openings = openings(habit, Random(seed ^ 0x5EED))
        self._next = next(self._openings)

    def live(self) -> Shown | None:
        """One minute; what is shown at its end, None where no sample comes."""
        for span_s, is_open in self._spans():
            self.advance(span_s, is_open=is_open)
        self.now_s += MINUTE_S
        values = self._measured(self.truth())
        if self.silent or self.random.random() < LOST:
            return None
        if not self.faulty:
            return values, bytes(len(values))
        kept = tuple(None if n in self.faulty else value for n, value in enumerate(values))
        fault = Quality.SENSOR_FAULT
        return kept, bytes(fault if n in self.faulty else 0 for n in range(len(kept)))

    @abstractmethod
    def advance(self, span_s: float, *, is_open: bool) -> None:
        """Live for a span in which door or lid is open, or not."""

    @abstractmethod
    def truth(self) -> tuple[float, ...]:
        """What the sensors would show without noise."""

    @abstractmethod
    def break_(self, what: str) -> None:
        """Let something fail for good."""

    @abstractmethod
    def harmed(self) -> bool:
        """Whether what is inside is beyond the limit that the alarm is to come before."""

    def _spans(self) -> Iterator[tuple[float, bool]]:
        """The coming minute in pieces, each with door or lid open or closed."""
        at_s, end_s = self.now_s, self.now_s + MINUTE_S
        if self.held_open:
            yield MINUTE_S, True
            return
        while self.busy and self._next[0] < end_s:
            begin_s, until_s = self._next
            if begin_s > at_s:
                yield begin_s - at_s, False
                at_s = begin_s
            stop_s = min(until_s, end_s)
            if stop_s > at_s:
                yield stop_s - at_s, True
                at_s = stop_s
            if until_s > end_s:
                return
            self._next = next(self._openings)
        if at_s < end_s:
            yield end_s - at_s, False

    def _measured(self, truth: tuple[float, ...]) -> tuple[float, ...]:
        noise, random = self._noise, self.random
        shown = []
        for place, (_, _, resolution, sigma, (low, high)) in enumerate(self.kind.channels):
            value = truth[place]
            if sigma:
                noise[place] = PHI * noise[place] + sqrt(1 - PHI**2) * random.gauss(0.0, sigma)
                value = round((value + noise[place]) / resolution) * resolution
                value = min(high, max(low, value))
            shown.append(value)
        return tuple(shown)


@cache
def idle_day() -> tuple[incubator.State, ...]:
    """An incubator to which nothing happens, each minute of a day."""
    state, inputs, found = incubator.State(), incubator.Inputs(), []
    for minute in range(2 * 1440):
        state = incubator.step(state, inputs, MINUTE_S, longest_s=5.0)
        if minute >= 1440:
            found.append(state)
    return tuple(found)


class Incubator(Life):
    """A CO2 incubator, sterilised once a month. Where it is at rest, a recorded day is repeated."""

    kind = KINDS["incubator"]
    REST_S = 2 * 3600
    MONTH_S = 30 * 86_400

    def __init__(self, seed: int) -> None:
        super().__init__(seed, INCUBATOR_DOOR)
        self.state = incubator.State()
        self.inputs = incubator.Inputs()
        self.minute: int | None = self.random.randrange(1440)
        self.disturbed_s = 0
        self.gasless_min = 0
        self.sterilised_s = self.random.randrange(self.MONTH_S)
        self.open = False

    def advance(self, span_s: float, *, is_open: bool) -> None:
        self.open = is_open and self.state.cycle is incubator.Cycle.NONE
        starts = self.busy and self.now_s >= self.sterilised_s
        if self.open or starts or self.broken:
            self.disturbed_s = self.now_s
            self._wake()
        if self.minute is not None:
            return
        if starts:
            self.sterilised_s += self.MONTH_S
        inputs = _change(self.inputs, door_open=self.open, sterilise=starts)
        longest_s = 1.0 if self.open else 5.0
        self.state = incubator.step(self.state, inputs, span_s, longest_s=longest_s)
        if self.state.cycle is not incubator.Cycle.NONE:
            self.disturbed_s = self.now_s

    def truth(self) -> tuple[float, ...]:
        if self.minute is None and self._at_rest():
            self.minute = self.random.randrange(1440)
        state = self.state
        self.gasless_min = self.gasless_min + 1 if state.co2_pct < 3.0 else 0
        if self.minute is not None:
            self.minute = (self.minute + 1) % 1440
            state = idle_day()[self.minute]
        cycle = state.cycle is not incubator.Cycle.NONE
        return state.seen_c, state.seen_co2_pct, state.seen_humidity_pct, self.open, cycle

    def break_(self, what: str) -> None:
        self.broken = what
        self._wake()
        match what:
            case "heater failure":
                self.inputs = _change(self.inputs, heater_works=False)
            case "CO2 empty":
                self.state = _change(self.state, bottle_kg=0.0)
            case "door left open":
                self.held_open = True
            case "probe failure":
                self.faulty = frozenset({0})
            case "power loss":
                self.inputs = _change(self.inputs, heater_works=False)
                self.state = _change(self.state, bottle_kg=0.0)
                self.silent = True
            case _:
                raise ValueError(what)

    def harmed(self) -> bool:
        # Assumption: shelves at 30 °C, or the medium two hours without its gas.
        return self.state.wall_c < 30.0 or self.gasless_min > 120

    def _wake(self) -> None:
        if self.minute is not None:
            self.state, self.minute = idle_day()[self.minute], None

    def _at_rest(self) -> bool:
        return not self.broken and self.now_s - self.disturbed_s > self.REST_S


class Tank(Life):
    """An LN2 freezer."""

    kind = KINDS["ln2-freezer"]

    def __init__(self, seed: int) -> None:
        super().__init__(seed, LN2_LID)
        level = self.random.uniform(515.0, 580.0)
        self.state = freezer.State(level_mm=level, top_c=-171.0)
        self.inputs = freezer.Inputs()
        self.design = freezer.BULK
        self.open = False

    def advance(self, span_s: float, *, is_open: bool) -> None:
        self.open = is_open
        inputs = _change(self.inputs, lid_open=is_open)
        calm = not (is_open or self.state.filling)
        self.state = freezer.step(
            self.state, inputs, span_s, self.design, longest_s=60.0 if calm else 10.0
        )

    def truth(self) -> tuple[float, ...]:
        state = self.state
        top_c = state.top_c + state.lid_k
        filling = state.filling and not self.open
        return max(0.0, state.level_mm), top_c, state.bottom_c, self.open, filling

    def break_(self, what: str) -> None:
        self.broken = what
        dry = _change(self.inputs, supply_open=False)
        match what:
            case "supply failure":
                self.inputs = dry
            case "slow vacuum loss":
                # The lesser end of the facts' 5 to 20 times (devices 3.2), on the reserve alone.
                self.design = _change(self.design, vacuum_loss=5.0)
                self.inputs = _change(dry, vacuum_sound=False)
            case "fast vacuum loss":
                self.inputs = _change(dry, vacuum_sound=False)
            case "vacuum loss on supply":
                self.inputs = _change(self.inputs, vacuum_sound=False)
            case "lid left open":
                self.held_open = True
            case "probe failure":
                self.faulty = frozenset({1})
            case "power loss":
                self.inputs = dry
                self.silent = True
            case _:
                raise ValueError(what)

    def harmed(self) -> bool:
        # Racks at the top, not the air that an open lid lets in.
        return self.state.top_c > -150.0


class Cabinet(Life):
    """A -80 °C freezer or a refrigerator."""

    def __init__(self, seed: int, design: cabinet.Design) -> None:
        cold = design is cabinet.ULTRA_COLD
        self.kind = KINDS["freezer-80" if cold else "refrigerator"]
        super().__init__(seed, ULTRA_COLD_DOOR if cold else REFRIGERATOR_DOOR)
        self.design = design
        self.harm_c = -50.0 if cold else 15.0
        self.state = cabinet.settled(design)
        self.inputs = cabinet.Inputs()
        self.open = False

    def advance(self, span_s: float, *, is_open: bool) -> None:
        self.open = is_open
        inputs = _change(self.inputs, door_open=is_open)
        self.state = cabinet.step(self.state, inputs, span_s, self.design)

    def truth(self) -> tuple[float, ...]:
        return self.state.seen_c, self.open

    def break_(self, what: str) -> None:
        self.broken = what
        match what:
            case "compressor failure":
                self.inputs = _change(self.inputs, compressor_works=False)
            case "door left open":
                self.held_open = True
            case "probe failure":
                self.faulty = frozenset({0})
            case "power loss":
                self.inputs = _change(self.inputs, compressor_works=False)
                self.silent = True
            case _:
                raise ValueError(what)

    def harmed(self) -> bool:
        return self.state.goods_c > self.harm_c


class Room(Life):
    """A room with four LN2 freezers in it, from which small dewars are filled."""

    kind = KINDS["room-oxygen"]
    TANKS = 4
    SPILT_L_PER_S = 2.0 / 300
    """Assumption: 2 L boil off while a small dewar is filled in 5 min."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, SMALL_DEWARS)
        self.state = room.State()
        loss = freezer.evaporation_l_per_s(freezer.State(), freezer.Inputs())
        self.inputs = room.Inputs(nitrogen_l_per_s=self.TANKS * loss)
        self.leak_l_per_s = 0.0
        self.shows_fault = False

    def advance(self, span_s: float, *, is_open: bool) -> None:
        more = self.leak_l_per_s + (self.SPILT_L_PER_S if is_open else 0.0)
        flow = self.inputs.nitrogen_l_per_s + more
        self.state = room.step(self.state, _change(self.inputs, nitrogen_l_per_s=flow), span_s)

    def truth(self) -> tuple[float, ...]:
        return self.state.seen_pct, self.shows_fault

    def break_(self, what: str) -> None:
        self.broken = what
        match what:
            case "oxygen leak":
                # Half a litre of liquid a minute: a hose that came off a small supply.
                self.leak_l_per_s = 0.5 / 60
                self.inputs = _change(self.inputs, ventilation_works=False)
            case "probe failure":
                self.faulty, self.shows_fault = frozenset({0}), True
            case "power loss":
                self.silent = True
            case _:
                raise ValueError(what)

    def harmed(self) -> bool:
        return self.state.oxygen_pct < 18.0


def life(kind: str, seed: int) -> Life:
    """A device of this kind.

    Raises:
        KeyError: there is no such kind.
    """
    match kind:
        case "incubator":
            return Incubator(seed)
        case "ln2-freezer":
            return Tank(seed)
        case "freezer-80":
            return Cabinet(seed, cabinet.ULTRA_COLD)
        case "refrigerator":
            return Cabinet(seed, cabinet.REFRIGERATOR)
        case "room-oxygen":
            return Room(seed)
    raise KeyError(kind)
