"""Where devices answer: the site's word, else that of their profiles, if these are of one mind."""

import pytest

from collector.address import Address, TcpAddress, TtyAddress
from culturewatch.endpoints import EndpointError, address, endpoint_mistakes
from culturewatch.site_file import Endpoint, SerialPort
from devices import catalog, document
from devices.profile import Profile
from devices.transport import Framing, Serial

PORT = "/dev/ttyUSB0"
VAISALA = catalog.find("vaisala-gmp251")
E_PLUS_E = catalog.find("ee-ee872")
SENSEAIR = catalog.find("senseair-k30")
GATEWAY = catalog.find("hettich-hettcube")

BINDER_LIKE = document.parse(
    """
model = "M"
maker = "m"
manual = "x"
period = "10s"
[modbus]
framing = "rtu"
port = 10001
pause = "250ms"
[[channels]]
key = "t"
quantity = "temperature"
unit = "degC"
resolution = 0.1
range = [0, 100]
source = { via = "modbus", table = "holding", address = 0x11A9, type = "f32" }
""",
    Profile,
    name="m.toml",
)


@pytest.mark.parametrize(
    ("endpoint", "profiles", "wanted"),
    [
        pytest.param(
            Endpoint(id="e", host="h"),
            [GATEWAY],
            TcpAddress(host="h", port=502, framing="tcp"),
            id="Modbus TCP unless something else is said",
        ),
        pytest.param(
            Endpoint(id="e", host="h"),
            [BINDER_LIKE],
            TcpAddress(host="h", port=10001, framing="rtu", pause_s=0.25),
            id="port, framing and pause of the profile",
        ),
        pytest.param(
            Endpoint(id="e", host="h", port=4001, framing="ascii"),
            [BINDER_LIKE],
            TcpAddress(host="h", port=4001, framing="ascii", pause_s=0.25),
            id="the site's word goes before",
        ),
        pytest.param(
            Endpoint(id="e", serial=SerialPort(port=PORT)),
            [VAISALA],
            TtyAddress(path=PORT, serial=Serial(baud=19_200, stop_bits=2)),
            id="the maker's line",
        ),
        pytest.param(
            Endpoint(id="e", serial=SerialPort(port=PORT, baud=9600, stop_bits=1)),
            [VAISALA, SENSEAIR],
            TtyAddress(path=PORT, serial=Serial(baud=9600)),
            id="two makers' devices set alike",
        ),
        pytest.param(
            Endpoint(id="e", serial=SerialPort(port=PORT, parity="odd"), framing="ascii"),
            [E_PLUS_E],
            TtyAddress(path=PORT, serial=Serial(baud=9600, parity="odd"), framing="ascii"),
            id="one thing of the line set otherwise",
        ),
    ],
)
def test_an_endpoint_is_where_the_site_or_else_the_profiles_say(
    endpoint: Endpoint, profiles: list[Profile], wanted: Address
) -> None:
    assert address(endpoint, profiles) == wanted


@pytest.mark.parametrize(
    ("endpoint", "profiles", "words"),
    [
        (Endpoint(id="e"), [GATEWAY], "give host, or serial with the port of this machine"),
        (
            Endpoint(id="e", host="h", serial=SerialPort(port=PORT)),
            [VAISALA],
            "a socket or a serial port; give host and port, or serial",
        ),
        (
            Endpoint(id="e", serial=SerialPort(port=PORT), framing="tcp"),
            [VAISALA],
            'a serial line carries framing "rtu" or "ascii", not "tcp"',
        ),
        (
            Endpoint(id="e", serial=SerialPort(port=PORT)),
            [VAISALA, E_PLUS_E],
            "different baud: 19200, 9600; set them alike, and write baud here",
        ),
        (
            Endpoint(id="e", serial=SerialPort(port=PORT)),
            [E_PLUS_E, SENSEAIR],
            "different parity: even, none; set them alike, and write parity here",
        ),
        (
            Endpoint(id="e", serial=SerialPort(port=PORT)),
            [GATEWAY],
            "give baud; no profile says it; known: 1200, 2400",
        ),
        (
            Endpoint(id="e", serial=SerialPort(port=PORT, baud=9601)),
            [VAISALA],
            "no port can be set to 9601 baud",
        ),
        (
            Endpoint(id="e", host="h", port=502),
            [GATEWAY, BINDER_LIKE],
            "different framing: rtu, tcp",
        ),
        (Endpoint(id="e", host="h"), [GATEWAY, BINDER_LIKE], "different framing: rtu, tcp"),
    ],
)
def test_what_is_not_said_or_not_with_one_voice_is_told(
    endpoint: Endpoint, profiles: list[Profile], words: str
) -> None:
    with pytest.raises(EndpointError) as caught:
        address(endpoint, profiles)
    assert words in str(caught.value)


def test_devices_that_speak_differently_cannot_share_an_endpoint() -> None:
    mixed = {"inc1": GATEWAY, "tank": catalog.find("sim-freezer")}
    (told,) = endpoint_mistakes(Endpoint(id="e", host="h"), mixed, units={})
    assert told == "inc1 (Modbus) and tank (MQTT) cannot share one endpoint; give each its own"


@pytest.mark.parametrize("framing", ["rtu", "ascii"])
def test_unit_0_is_everybody_on_a_line_and_nobody_answers(framing: Framing) -> None:
    found = list(
        endpoint_mistakes(
            Endpoint(id="e", host="h", framing=framing), {"inc1": GATEWAY}, units={"inc1": 0}
        )
    )
    assert found == [
        "inc1: unit 0 is everybody on a serial line, and nobody answers; write its own"
    ]
