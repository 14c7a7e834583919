"""The serial ports of this machine as transports of asyncio; the one place that opens them."""

import asyncio
import contextlib
import errno
import fcntl
import os
import termios
from collections.abc import Mapping
from types import MappingProxyType

from devices.transport import Serial

SPEEDS: Mapping[int, int] = MappingProxyType(
    {
        speed: getattr(termios, f"B{speed}")
        for speed in (
            *(1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800),
            921_600,
        )
        if hasattr(termios, f"B{speed}")
    }
)
"""What a port can be set to, in bits a second, and how the system calls it."""
_SIZES: Mapping[int, int] = MappingProxyType({7: termios.CS7, 8: termios.CS8})
_READ_AT_ONCE = 4096
_REMEDIES: Mapping[int, str] = MappingProxyType(
    {
        errno.ENOENT: "no such port; is the adapter plugged in?",
        errno.ENODEV: "no such port; is the adapter plugged in?",
        errno.EACCES: "may not be opened; put culturewatch's user into the group dialout",
        errno.EBUSY: "another program has it open; end that one",
        errno.EWOULDBLOCK: "another program has it open; end that one",
        errno.ENOTTY: "is no serial port",
    }
)


class TtyTransport(asyncio.Transport):
    """An open serial port. What comes goes to ``protocol``; closing gives the port back."""

    def __init__(self, protocol: asyncio.Protocol, port: int) -> None:
        super().__init__()
        self._protocol = protocol
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(port, self._read)
        protocol.connection_made(self)

    def is_closing(self) -> bool:
        """Whether the port was given back."""
        return self._port < 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Hand ``data`` to the port; one that takes none is lost."""
        if self._port < 0:
            return
        try:
            taken = os.write(self._port, data)
        except OSError as error:
            self._close(error)
            return
        if taken < len(data):
            self._close(OSError(errno.EAGAIN, "the port takes no more; is the adapter stuck?"))

    def close(self) -> None:
        """Give the port back."""
        self._close(None)

    def abort(self) -> None:
        """Give the port back at once, with what is not sent yet."""
        if self._port >= 0:
            # Of a port that is unplugged there is nothing to flush.
            with contextlib.suppress(termios.error):
                termios.tcflush(self._port, termios.TCIOFLUSH)
        self._close(None)

    def _read(self) -> None:
        try:
            data = os.read(self._port, _READ_AT_ONCE)
        except BlockingIOError:
            return
        except OSError as error:
            self._close(error)
            return
        if data:
            self._protocol.data_received(data)
        else:
            self._close(OSError(errno.EIO, "the port is gone; is the adapter unplugged?"))

    def _close(self, error: OSError | None) -> None:
        if self._port < 0:
            return
        port, self._port = self._port, -1
        self._loop.remove_reader(port)
        os.close(port)
        # As asyncio's own transports do it: never within a call of the protocol.
        self._loop.call_soon(self._protocol.connection_lost, error)


def open_tty(protocol: asyncio.Protocol, path: str, serial: Serial) -> TtyTransport:
    """Open the port at ``path`` for this process alone, set as ``serial`` says, and empty.

    Raises:
        OSError: it cannot be opened, or not be set so; the text says what to do.
    """
    try:
        flags, speed = settings(serial)
    except ValueError as error:
        raise OSError(errno.EINVAL, f"{path}: {error}") from error
    try:
        # Not waiting for a carrier, and never becoming the process's own terminal.
        port = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _explained(path, error) from error
    try:
        fcntl.flock(port, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _set(path, port, serial, flags, speed)
        termios.tcflush(port, termios.TCIOFLUSH)
        return TtyTransport(protocol, port)
    except OSError as error:
        os.close(port)
        raise _explained(path, error) from error
    except termios.error as error:
        os.close(port)
        raise _explained(path, OSError(*error.args)) from error


def settings(serial: Serial) -> tuple[int, int]:
    """The control flags and the speed that termios wants for ``serial``.

    Raises:
        ValueError: no port can be set to its speed.
    """
    speed = SPEEDS.get(serial.baud)
    if speed is None:
        known = ", ".join(str(baud) for baud in SPEEDS)
        raise ValueError(f"no port can be set to {serial.baud} baud; known: {known}")
    flags = _SIZES[serial.data_bits] | termios.CREAD | termios.CLOCAL
    if serial.parity != "none":
        flags |= termios.PARENB | (termios.PARODD if serial.parity == "odd" else 0)
    if serial.stop_bits == 2:  # noqa: PLR2004 # of one or two
        flags |= termios.CSTOPB
    return flags, speed


def _set(path: str, port: int, serial: Serial, flags: int, speed: int) -> None:
    quiet = [b"\0"] * len(termios.tcgetattr(port)[6])
    # Raw: every byte as it comes, none changed, none of them a signal; nothing is echoed. A
    # character of wrong parity is given as a zero, which no check takes.
    incoming = termios.INPCK if serial.parity != "none" else 0
    wanted: list[int | list[bytes]] = [incoming, 0, flags, 0, speed, speed, quiet]
    try:
        termios.tcsetattr(port, termios.TCSANOW, wanted)
    except termios.error as error:
        if error.args[0] != errno.EINVAL:
            raise
    if termios.tcgetattr(port)[2] & _SHAPE != flags & _SHAPE:
        bits = f"{serial.data_bits} data bits, parity {serial.parity}, {serial.stop_bits} stop bits"
        raise OSError(errno.EINVAL, f"{path} does not take {bits}; use another adapter")


_SHAPE = termios.CSIZE | termios.PARENB | termios.PARODD | termios.CSTOPB


def _explained(path: str, error: OSError) -> OSError:
    number = error.errno or errno.EIO
    if error.strerror and error.strerror.startswith(path):
        return error
    said = _REMEDIES.get(number, f"cannot be used: {error.strerror}; check how it is set")
    return OSError(number, f"{path} {said}")
