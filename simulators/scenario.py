"""What happens in the simulated rooms and when, as data: who does what to which device.

Times of a scenario are seconds of real time. How fast the physics run meanwhile is its ``rates``;
nothing of the collector is ever accelerated, and what is published is stamped with real time.
"""

from typing import Self

import msgspec

from simulators.faults import HEALTHY, Faults
from simulators.incubator import FULL_BOTTLE_KG

INCUBATOR_STORY_S = 30 * 60.0
"""What incubators live through in a demo: a door's loss and its recovery, twice."""
FREEZER_STORY_S = 24 * 3600.0
"""What freezers live through in a demo: a vacuum that fails in 4.5 h and empties the tank."""


class ScenarioError(Exception):
    """A scenario asks for what the rooms do not have."""


class _Action(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    device: str


class Door(_Action, frozen=True, kw_only=True, tag="door"):
    """Opens or closes the door of an incubator."""

    open: bool


class Bottle(_Action, frozen=True, kw_only=True, tag="bottle"):
    """Connects a CO2 bottle with this mass to an incubator; 0 is an empty one."""

    kg: float = FULL_BOTTLE_KG


class Heater(_Action, frozen=True, kw_only=True, tag="heater"):
    """Breaks or mends the heater of an incubator."""

    works: bool


class Fan(_Action, frozen=True, kw_only=True, tag="fan"):
    """Breaks or mends the fan of an incubator."""

    works: bool


class Sterilise(_Action, frozen=True, kw_only=True, tag="sterilise"):
    """Starts the sterilisation of an incubator."""


class Lid(_Action, frozen=True, kw_only=True, tag="lid"):
    """Opens or closes the lid of a freezer."""

    open: bool


class Vacuum(_Action, frozen=True, kw_only=True, tag="vacuum"):
    """Spoils or restores the insulating vacuum of a freezer."""

    sound: bool


class Supply(_Action, frozen=True, kw_only=True, tag="supply"):
    """Opens or closes the LN2 supply of a freezer; opening also clears its fill-time alarm."""

    open: bool


class Liquid(_Action, frozen=True, kw_only=True, tag="liquid"):
    """Sets the level of a freezer by hand."""

    level_mm: float


class Probe(_Action, frozen=True, kw_only=True, tag="probe"):
    """Shorts or mends the upper Pt100 of a freezer; shorted it reads -200.0 °C."""

    shorted: bool


class Ventilation(_Action, frozen=True, kw_only=True, tag="ventilation"):
    """Stops or starts the ventilation of the room with the oxygen monitor."""

    works: bool


class OxygenSensor(_Action, frozen=True, kw_only=True, tag="oxygen_sensor"):
    """Breaks or mends the sensor of the room's oxygen monitor."""

    works: bool


class Wire(_Action, frozen=True, kw_only=True, tag="wire"):
    """Gives any device these faults on the wire; ``Faults()`` mends it."""

    faults: Faults = HEALTHY


IncubatorAction = Door | Bottle | Heater | Fan | Sterilise
FreezerAction = Lid | Vacuum | Supply | Liquid | Probe
RoomAction = Ventilation | OxygenSensor
Action = IncubatorAction | FreezerAction | RoomAction | Wire


class Rates(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Simulated seconds in a real one. The room's air goes with the freezers."""

    incubators: float = 1.0
    freezers: float = 1.0

    def __post_init__(self) -> None:
        if not (self.incubators > 0 and self.freezers > 0):
            raise ValueError("a rate is a number above 0")


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One action, ``at_s`` seconds after the scenario began."""

    at_s: float
    action: Action


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Steps within ``span_s`` seconds; the rates hold from its begin to its end.

    Raises:
        ValueError: a step is outside the span.
    """

    span_s: float
    steps: tuple[Step, ...] = ()
    rates: Rates = Rates()

    def __post_init__(self) -> None:
        for step in self.steps:
            if not 0 <= step.at_s <= self.span_s:
                raise ValueError(f"step at {step.at_s} s is outside 0 to {self.span_s} s")

    def ordered(self) -> tuple[Step, ...]:
        """The steps by time; those of one instant in the order written."""
        return tuple(sorted(self.steps, key=lambda step: step.at_s))

    def within(self, span_s: float) -> Self:
        """The same story in ``span_s`` seconds: sooner and, by its rates, as much faster."""
        factor = span_s / self.span_s
        return msgspec.structs.replace(
            self,
            span_s=span_s,
            steps=tuple(Step(at_s=s.at_s * factor, action=s.action) for s in self.steps),
            rates=Rates(
                incubators=self.rates.incubators / factor, freezers=self.rates.freezers / factor
            ),
        )


def demo(incubators: tuple[str, ...], freezers: tuple[str, ...], *, span_s: float) -> Scenario:
    """The demo's story for these devices, by id, within ``span_s`` seconds.

    A door stands open; a bottle is empty when a second door opens; a third incubator falls
    silent; the first freezer loses vacuum and supply, while the second refills as it should.
    All is closed, replaced or repaired by 60 % of the span, so that every alarm can clear.
    """
    told: list[tuple[float, Action]] = []
    match incubators:
        case (first, *_):
            told += [(8, Door(device=first, open=True)), (20, Door(device=first, open=False))]
    match incubators:
        case (_, second, *_):
            told += [
                (12, Bottle(device=second, kg=0.0)),
                (14, Door(device=second, open=True)),
                (20, Door(device=second, open=False)),
                (50, Bottle(device=second)),
            ]
    match incubators:
        case (_, _, third, *_):
            silent = Faults(silent=True)
            told += [(28, Wire(device=third, faults=silent)), (55, Wire(device=third))]
    match freezers:
        case (first, *_):
            told += [
                (0, Liquid(device=first, level_mm=520.0)),
                (10, Vacuum(device=first, sound=False)),
                (10, Supply(device=first, open=False)),
                (52, Vacuum(device=first, sound=True)),
                (52, Supply(device=first, open=True)),
            ]
    match freezers:
        case (_, second, *_):
            told += [(0, Liquid(device=second, level_mm=516.0))]
    return Scenario(
        span_s=100.0,
        steps=tuple(Step(at_s=at, action=action) for at, action in told),
        rates=Rates(incubators=INCUBATOR_STORY_S / 100, freezers=FREEZER_STORY_S / 100),
    ).within(span_s)


_SAID: dict[type[Action], tuple[str, str]] = {
    Door: ("door closed", "door opened"),
    Heater: ("heater broken", "heater works"),
    Fan: ("fan broken", "fan works"),
    Lid: ("lid closed", "lid opened"),
    Vacuum: ("vacuum spoilt", "vacuum restored"),
    Supply: ("supply closed", "supply opened"),
    Probe: ("upper probe works", "upper probe shorted"),
    Ventilation: ("ventilation broken", "ventilation works"),
    OxygenSensor: ("sensor broken", "sensor works"),
}
"""What an action with one switch says when it is off, and on."""


def words(action: Action) -> str:
    """The action as a person reads it."""
    match action:
        case Wire(faults=faults):
            wrong = [name for name in Faults.__struct_fields__ if getattr(faults, name)]
            said = ", ".join(name.replace("_", " ") for name in wrong) or "answers as it should"
        case Bottle(kg=kg):
            said = f"CO2 bottle with {kg:g} kg" if kg > 0 else "CO2 bottle empty"
        case Liquid(level_mm=level_mm):
            said = f"level set to {level_mm:g} mm"
        case Sterilise():
            said = "sterilisation started"
        case _:
            (switch,) = set(action.__struct_fields__) - {"device"}
            said = _SAID[type(action)][getattr(action, switch)]
    return f"{action.device}: {said}"
