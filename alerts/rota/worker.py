"""Reads a calendar in a process of its own, which a strange one cannot keep busy for long.

A rule that never comes true is looked for until the year 9999, for seconds each, and the core has
readings to take meanwhile.
"""

import asyncio
import contextlib
import resource
import sys
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec

from alerts.policy import Person
from alerts.rota.calendar import CalendarError, Read

WITHIN_S = 20.0
"""How long reading may take, start of the process included."""
_MEMORY_BYTES = 1_000_000_000


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be read: a calendar, for whom, in which zone, from and to (epoch ms)."""

    body: bytes
    people: tuple[Person, ...]
    zone: str
    start: int
    end: int


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """What was read, or why it could not be."""

    read: Read | None = None
    error: str = ""


async def read_apart(
    body: bytes,
    people: Sequence[Person],
    zone: str,
    start: int,
    end: int,
    *,
    within_s: float = WITHIN_S,
) -> Read:
    """``alerts.rota.ical.read_calendar``, within bounds of time and memory.

    Raises:
        CalendarError: it is no calendar, or none that can be read within them.
    """
    asked = Asked(body=body, people=tuple(people), zone=zone, start=start, end=end)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "alerts.rota.worker", str(round(within_s) + 1)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(within_s):
            said, _ = await process.communicate(msgspec.msgpack.encode(asked))
        answered = msgspec.msgpack.decode(said, type=Answered)
    except TimeoutError as error:
        raise CalendarError(
            f"takes longer than {within_s:g} s to read, which is no rota"
        ) from error
    except msgspec.MsgspecError as error:
        raise CalendarError("cannot be read: its reader died over it") from error
    finally:
        await _end(process)
    if answered.read is None:
        raise CalendarError(answered.error)
    return answered.read


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def main() -> None:
    """Read what is asked on standard input, and answer on standard output."""
    from alerts.rota.ical import read_calendar  # noqa: PLC0415 # two libraries that no core holds

    cpu_s = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    asked = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Asked)
    try:
        read = read_calendar(asked.body, asked.people, ZoneInfo(asked.zone), asked.start, asked.end)
    except CalendarError as error:
        answered = Answered(error=str(error))
    else:
        answered = Answered(read=read)
    sys.stdout.buffer.write(msgspec.msgpack.encode(answered))


if __name__ == "__main__":
    main()
