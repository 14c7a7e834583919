"""Simulated devices that live: each holds its state, what is done to it and its faults.

Physics are the pure steps of ``incubator``, ``freezer`` and ``room``; here is only what changes.
"""

from collections.abc import Callable, Mapping

import msgspec

from simulators import freezer, incubator, room, vaisala
from simulators.faults import HEALTHY, Faults
from simulators.modbus import Registers, Table, Unit, incubator_tables
from simulators.mqtt import Body, freezer_body, room_body
from simulators.noise import seed_of
from simulators.scenario import (
    Bottle,
    Door,
    Fan,
    FreezerAction,
    Heater,
    IncubatorAction,
    Lid,
    Liquid,
    OxygenSensor,
    Probe,
    RoomAction,
    Sterilise,
    Supply,
    Vacuum,
    Ventilation,
)

Tables = Mapping[Table, Registers]
_change = msgspec.structs.replace


class LiveIncubator:
    """One incubator, or a chamber that only has Vaisala probes in it."""

    def __init__(self, name: str, seed: int) -> None:
        self.faults: Faults = HEALTHY
        self.inputs = incubator.Inputs()
        self.state = incubator.State()
        self._seed = seed_of(name, seed)

    def advance(self, dt_s: float) -> None:
        """Lives for ``dt_s`` simulated seconds."""
        self.state = incubator.step(self.state, self.inputs, dt_s)
        if self.inputs.sterilise:
            self.inputs = _change(self.inputs, sterilise=False)

    def act(self, action: IncubatorAction) -> None:
        """Does to the incubator what a person or a failure does."""
        match action:
            case Door(open=is_open):
                self.inputs = _change(self.inputs, door_open=is_open)
            case Heater(works=works):
                self.inputs = _change(self.inputs, heater_works=works)
            case Fan(works=works):
                self.inputs = _change(self.inputs, fan_works=works)
            case Sterilise():
                self.inputs = _change(self.inputs, sterilise=True)
            case Bottle(kg=kg):
                self.state = _change(self.state, bottle_kg=kg)

    def tables(self) -> Tables:
        """Its registers now."""
        return incubator_tables(incubator.read(self.state, self.inputs, self._seed), self.faults)


class LiveProbe:
    """A Vaisala probe on a shelf of a chamber."""

    def __init__(
        self,
        name: str,
        seed: int,
        chamber: LiveIncubator,
        registers: Callable[[vaisala.Air], Registers],
    ) -> None:
        self.faults: Faults = HEALTHY
        self._seed = seed_of(name, seed)
        self._chamber = chamber
        self._registers = registers

    def tables(self) -> Tables:
        """Its registers now: what the incubator's own sensors see, in noise of its own."""
        state, inputs = self._chamber.state, self._chamber.inputs
        if self.faults.not_a_number:
            return {"holding": self._registers(vaisala.Air(temperature_c=vaisala.NAN))}
        shown = incubator.read(state, inputs, self._seed)
        off_k = incubator.shelf_c(state, inputs) - state.air_c
        air = vaisala.Air(
            temperature_c=shown.temperature_c + off_k,
            co2_pct=shown.co2_pct,
            humidity_pct=shown.humidity_pct,
        )
        return {"holding": self._registers(air)}


class LiveFreezer:
    """One LN2 freezer."""

    def __init__(self, name: str, seed: int) -> None:
        self.faults: Faults = HEALTHY
        self.inputs = freezer.Inputs()
        self.state = freezer.State()
        self._seed = seed_of(name, seed)

    def advance(self, dt_s: float) -> None:
        """Lives for ``dt_s`` simulated seconds."""
        self.state = freezer.step(self.state, self.inputs, dt_s)
        if self.inputs.reset_fill and dt_s > 0:
            self.inputs = _change(self.inputs, reset_fill=False)

    def act(self, action: FreezerAction) -> None:
        """Does to the freezer what a person or a failure does."""
        match action:
            case Lid(open=is_open):
                self.inputs = _change(self.inputs, lid_open=is_open)
            case Vacuum(sound=sound):
                self.inputs = _change(self.inputs, vacuum_sound=sound)
            case Supply(open=is_open):
                self.inputs = _change(self.inputs, supply_open=is_open, reset_fill=is_open)
            case Probe(shorted=shorted):
                self.inputs = _change(self.inputs, top_shorted=shorted)
            case Liquid(level_mm=level_mm):
                self.state = _change(self.state, level_mm=level_mm)

    def body(self) -> Body:
        """What it says now."""
        return freezer_body(freezer.read(self.state, self.inputs, self._seed), self.faults)

    def switches(self) -> tuple[bool, bool]:
        """What it tells at once when it changes: lid and filling."""
        return self.inputs.lid_open, self.state.filling and not self.inputs.lid_open


class LiveRoom:
    """The air of the room that the freezers stand in, and its oxygen monitor."""

    def __init__(self, name: str, seed: int, freezers: tuple[LiveFreezer, ...]) -> None:
        self.faults: Faults = HEALTHY
        self.inputs = room.Inputs()
        self.state = room.State()
        self._seed = seed_of(name, seed)
        self._freezers = freezers
        self._evaporated_l = 0.0

    def advance(self, dt_s: float) -> None:
        """Lives for ``dt_s`` simulated seconds, after the freezers have."""
        total_l = sum(one.state.evaporated_l for one in self._freezers)
        if dt_s > 0:
            flow = (total_l - self._evaporated_l) / dt_s
            self.inputs = _change(self.inputs, nitrogen_l_per_s=flow)
            self.state = room.step(self.state, self.inputs, dt_s)
        self._evaporated_l = total_l

    def act(self, action: RoomAction) -> None:
        """Does to the room what a person or a failure does."""
        match action:
            case Ventilation(works=works):
                self.inputs = _change(self.inputs, ventilation_works=works)
            case OxygenSensor(works=works):
                self.inputs = _change(self.inputs, sensor_fault=not works)

    def body(self) -> Body:
        """What the monitor says now."""
        return room_body(room.read(self.state, self.inputs, self._seed), self.faults)


def unit(device: LiveIncubator | LiveProbe, number: int) -> Unit:
    """The device as the unit ``number`` of a server; a stuck one keeps its last registers."""
    held: list[Tables] = []

    def tables() -> Tables:
        if not (device.faults.stuck and held):
            held[:] = [device.tables()]
        return held[0]

    return Unit(id=number, tables=tables, faults=lambda: device.faults)
