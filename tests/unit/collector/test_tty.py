"""Serial ports of the machine, tried on pseudo-terminals."""

import asyncio
import os
import pty
import termios
from collections.abc import Iterator
from typing import Literal

import pytest

from collector.tty import open_tty, settings
from devices.transport import Serial
from tests.unit.collector.responder import until

PLAIN = Serial(baud=9600)


class Heard(asyncio.Protocol):
    """What came, and how it ended."""

    def __init__(self) -> None:
        self.data = b""
        self.ends: list[Exception | None] = []

    def data_received(self, data: bytes) -> None:
        self.data += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.ends.append(exc)


class Cable:
    """A pseudo-terminal: ``path`` is our end, ``far`` the device's."""

    def __init__(self) -> None:
        self.far, self._near = pty.openpty()
        self.path = os.ttyname(self._near)
        self.is_plugged = True

    def unplug(self) -> None:
        if self.is_plugged:
            self.is_plugged = False
            os.close(self.far)
            os.close(self._near)


@pytest.fixture
def cable() -> Iterator[Cable]:
    found = Cable()
    yield found
    found.unplug()


async def test_every_byte_comes_and_goes_as_it_is(cable: Cable) -> None:
    heard = Heard()
    port = open_tty(heard, cable.path, PLAIN)
    every = bytes(range(256))
    os.write(cable.far, every)
    await until(lambda: heard.data == every)
    port.write(every)
    assert os.read(cable.far, 1000) == every
    port.close()
    await until(lambda: heard.ends == [None])


async def test_what_waited_in_the_port_before_it_was_opened_is_not_heard(cable: Cable) -> None:
    os.write(cable.far, b"late")
    heard = Heard()
    port = open_tty(heard, cable.path, PLAIN)
    os.write(cable.far, b"new")
    await until(lambda: heard.data)
    assert heard.data == b"new"
    port.abort()
    await until(lambda: heard.ends)


async def test_a_port_is_open_for_one_at_a_time_and_can_be_opened_again(cable: Cable) -> None:
    first, second = Heard(), Heard()
    port = open_tty(first, cable.path, PLAIN)
    with pytest.raises(OSError, match="another program has it open; end that one"):
        open_tty(second, cable.path, PLAIN)
    port.close()
    again = open_tty(second, cable.path, PLAIN)
    again.close()
    await until(lambda: first.ends and second.ends)


async def test_a_port_that_is_unplugged_says_so_once_and_takes_nothing_more(cable: Cable) -> None:
    heard = Heard()
    port = open_tty(heard, cable.path, PLAIN)
    cable.unplug()
    await until(lambda: heard.ends)
    port.write(b"gone")
    port.abort()
    await asyncio.sleep(0)
    assert len(heard.ends) == 1
    assert "unplugged" in str(heard.ends[0]) or "Input/output" in str(heard.ends[0])
    assert port.is_closing()


async def test_a_port_that_is_unplugged_can_still_be_given_back(cable: Cable) -> None:
    heard = Heard()
    port = open_tty(heard, cable.path, PLAIN)
    cable.unplug()
    port.abort()
    await until(lambda: heard.ends == [None])


async def test_a_port_that_takes_no_more_is_given_up(cable: Cable) -> None:
    heard = Heard()
    port = open_tty(heard, cable.path, PLAIN)
    for _ in range(100):
        port.write(bytes(4096))
    await until(lambda: heard.ends)
    assert isinstance(heard.ends[0], OSError)


@pytest.mark.parametrize(
    ("path", "words"),
    [("/dev/nosuchport", "no such port; is the adapter plugged in"), (__file__, "no serial port")],
)
async def test_a_port_that_cannot_be_opened_says_what_to_do(path: str, words: str) -> None:
    with pytest.raises(OSError, match=words):
        open_tty(Heard(), path, PLAIN)


async def test_a_port_that_cannot_be_set_as_wanted_says_what_it_does_not_take(cable: Cable) -> None:
    # A pseudo-terminal has eight bits and no parity, as some adapters have.
    with pytest.raises(OSError, match="does not take 7 data bits, parity even, 1 stop bits"):
        open_tty(Heard(), cable.path, Serial(baud=9600, data_bits=7, parity="even"))


@pytest.mark.parametrize(
    ("serial", "speed"),
    [
        (Serial(baud=19_200, stop_bits=2), termios.B19200),
        (Serial(baud=2400), termios.B2400),
        (Serial(baud=57_600), termios.B57600),
    ],
)
async def test_a_port_is_set_as_the_far_end_can_read_back(
    cable: Cable, serial: Serial, speed: int
) -> None:
    port = open_tty(Heard(), cable.path, serial)
    incoming, outgoing, control, local, ispeed, ospeed, _ = termios.tcgetattr(cable._near)
    assert (incoming, outgoing, local) == (0, 0, 0)
    assert (ispeed, ospeed) == (speed, speed)
    assert control & termios.CSIZE == termios.CS8
    assert bool(control & termios.CSTOPB) == (serial.stop_bits == 2)
    assert not control & termios.PARENB
    port.close()


@pytest.mark.parametrize(
    ("parity", "checked"), [("even", termios.INPCK), ("odd", termios.INPCK), ("none", 0)]
)
async def test_a_line_with_parity_is_told_to_check_it(
    cable: Cable, parity: Literal["none", "even", "odd"], checked: int
) -> None:
    # A pseudo-terminal keeps the wish to check and drops the parity: that is told.
    serial = Serial(baud=9600, data_bits=8, parity=parity)
    if parity == "none":
        open_tty(Heard(), cable.path, serial).close()
    else:
        with pytest.raises(OSError, match=f"does not take 8 data bits, parity {parity}"):
            open_tty(Heard(), cable.path, serial)
    assert termios.tcgetattr(cable._near)[0] & termios.INPCK == checked


@pytest.mark.parametrize(
    ("serial", "set_", "unset"),
    [
        (PLAIN, termios.CS8, termios.PARENB | termios.CSTOPB),
        (
            Serial(baud=9600, data_bits=7, parity="even"),
            termios.CS7 | termios.PARENB,
            termios.PARODD | termios.CSTOPB,
        ),
        (Serial(baud=9600, parity="odd"), termios.CS8 | termios.PARENB | termios.PARODD, 0),
        (Serial(baud=9600, stop_bits=2), termios.CS8 | termios.CSTOPB, termios.PARENB),
    ],
)
def test_a_line_is_set_as_its_profile_says(serial: Serial, set_: int, unset: int) -> None:
    flags, speed = settings(serial)
    assert flags & set_ == set_
    assert not flags & unset
    assert flags & (termios.CREAD | termios.CLOCAL) == termios.CREAD | termios.CLOCAL
    assert speed == termios.B9600


def test_a_speed_that_no_port_has_is_named() -> None:
    with pytest.raises(ValueError, match="no port can be set to 9601 baud; known: 1200"):
        settings(Serial(baud=9601))
    with pytest.raises(OSError, match="no port can be set to 9601 baud"):
        open_tty(Heard(), "/dev/null", Serial(baud=9601))
