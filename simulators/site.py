"""What hardware a site has, for the simulators: a plain description without any state."""

import msgspec


class _Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class SimulatedIncubator(_Part, frozen=True, kw_only=True):
    """A CO2 incubator with a Modbus TCP server of its own; port 0 takes a free one."""

    id: str
    host: str = "127.0.0.1"
    port: int = 0
    unit: int = 1


class SimulatedGateway(_Part, frozen=True, kw_only=True):
    """A GMP251 and an HMP behind one Modbus TCP gateway.

    They stand in the incubator ``inside``, or in a chamber of their own.
    """

    co2_id: str
    humidity_id: str
    host: str = "127.0.0.1"
    port: int = 0
    co2_unit: int = 240
    humidity_unit: int = 241
    inside: str | None = None


class SimulatedFreezer(_Part, frozen=True, kw_only=True):
    """An LN2 freezer that publishes below the site's broker."""

    id: str
    topic: str


class SimulatedRoom(_Part, frozen=True, kw_only=True):
    """The oxygen monitor of the room that all freezers stand in."""

    id: str
    topic: str


class SimulatedBroker(_Part, frozen=True, kw_only=True):
    """Where to publish. With ``embedded`` the broker is started too, on loopback."""

    host: str = "127.0.0.1"
    port: int = 0
    embedded: bool = True


class SimulatedSite(_Part, frozen=True, kw_only=True):
    """All hardware of a site. The same ``seed`` gives the same noise.

    Raises:
        ValueError: a device stands twice, or is missing where another one needs it.
    """

    incubators: tuple[SimulatedIncubator, ...] = ()
    gateways: tuple[SimulatedGateway, ...] = ()
    freezers: tuple[SimulatedFreezer, ...] = ()
    room: SimulatedRoom | None = None
    broker: SimulatedBroker = SimulatedBroker()
    seed: int = 1

    def __post_init__(self) -> None:
        names = [part.id for part in self.incubators] + [part.id for part in self.freezers]
        names += [name for part in self.gateways for name in (part.co2_id, part.humidity_id)]
        names += [self.room.id] if self.room else []
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"simulated device {name!r} stands twice")
        chambers = {part.id for part in self.incubators}
        for gateway in self.gateways:
            if gateway.inside is not None and gateway.inside not in chambers:
                raise ValueError(f"{gateway.co2_id}: there is no incubator {gateway.inside!r}")

    @property
    def publishes(self) -> bool:
        """Whether anything needs the broker."""
        return bool(self.freezers) or self.room is not None
