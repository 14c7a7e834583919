"""The machine a site runs on: its clock, and the disk under its data."""

import ctypes
import os
import shutil
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryFile

from culturewatch.doctor.finding import Finding

SYNCS = 40
BLOCK = bytes(4096)
SLOW_MS = 50.0
"""The journal writes each 20 ms; where half of its writes take longer than this, it lags."""
GB = 1_000_000_000
FULL = 0.85
"""From here on the alarms of the disk are high (70, 85 and 95 %)."""
_UNSYNCHRONISED = 0x40
_MOST_ERROR_US = 500_000
_TIMEX_BYTES = 512
"""More than ``struct timex`` has; adjtimex(2)."""


def clock() -> Iterator[Finding]:
    """Whether the kernel knows its clock to be set by a time server. Linux, 64 bit."""
    error_us = clock_error_us()
    if error_us is None:
        yield Finding(
            area="clock",
            what="whether the clock is synchronised cannot be told on this system",
            do="see that a time service runs",
        )
    elif error_us < 0:
        yield Finding(
            area="clock",
            what="the clock of this machine is not synchronised",
            endangers="readings, alarms and signatures carry a wrong time",
            do="run chrony or systemd-timesyncd with a server of your network",
        )
    elif error_us > _MOST_ERROR_US:
        yield Finding(
            area="clock",
            what=f"the clock may be wrong by {error_us / 1e6:.1f} s",
            endangers="readings of several machines do not stand in their order",
            do="see why the time server is not heard: chronyc tracking",
        )


def clock_error_us() -> int | None:
    """The most by which the clock is wrong, as the kernel knows it, in microseconds.

    Negative where it is not synchronised, None where that cannot be told. Nothing is set.
    """
    libc = _libc()
    if not hasattr(libc, "adjtimex") or ctypes.sizeof(ctypes.c_long) != ctypes.sizeof(
        ctypes.c_int64
    ):
        return None
    # modes = 0 only reads. Of the fields: maxerror is the fourth long, status the int after five.
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)
    if libc.adjtimex(timex) < 0:
        return None
    long = ctypes.sizeof(ctypes.c_long)
    maxerror = int.from_bytes(timex.raw[3 * long : 4 * long], "little", signed=True)
    status = int.from_bytes(timex.raw[5 * long : 5 * long + 4], "little")
    return -1 if status & _UNSYNCHRONISED else maxerror


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def sync_ms(folder: Path, times: int = SYNCS) -> tuple[float, float]:
    """How long a small write takes to be safe in ``folder``: median and 95th percentile, in ms.

    Raises:
        OSError: the folder takes nothing.
    """
    took = []
    with TemporaryFile(dir=folder) as file:
        for _ in range(times):
            file.write(BLOCK)
            file.flush()
            began_s = time.perf_counter()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began_s) * 1000)
    return median(took), quantiles(took, n=20)[-1]


def speed(median_ms: float, late_ms: float) -> Iterator[Finding]:
    """Whether the disk keeps up with the journal."""
    if median_ms > SLOW_MS:
        yield Finding(
            area="disk",
            what=f"a write takes {median_ms:.0f} ms to be safe, one in twenty {late_ms:.0f} ms",
            endangers="readings and pages come late, and brokers are answered late",
            do="put site.data on a local disk that nothing else keeps busy, no network share",
        )


def space(folder: Path, max_bytes: int) -> Iterator[Finding]:
    """Whether the disk has room for what the journal may take."""
    disk = shutil.disk_usage(folder)
    held = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    if disk.free < max_bytes - held:
        yield Finding(
            area="disk",
            what=f"{disk.free / GB:.1f} GB are free, but the journal may grow to "
            f"{max_bytes / GB:.1f} GB (it has {held / GB:.1f})",
            endangers="the disk is full before the journal says that it fills",
            do="make room, or lower site.max_data_gb",
        )
    if (used := 1 - disk.free / disk.total) >= FULL:
        yield Finding(
            area="disk",
            what=f"the disk is {used:.0%} full",
            endangers="a full disk takes no readings",
            do="make room on it",
        )
