"""Runs other processes of this program, and watches them."""

import asyncio
import contextlib
import itertools
import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence

log = logging.getLogger(__name__)

END_S = 15.0
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
STEADY_S = 60.0
WRONG_USE = 2
"""Exit code of a program that was called or configured wrongly: it fails again if started again."""


class ChildError(Exception):
    """A process ended that must not; the text says which and how."""

    def __init__(self, text: str, code: int) -> None:
        super().__init__(text)
        self.code = code


@contextlib.contextmanager
def stopped_by_signals(
    on_hangup: Callable[[], None] | None = None,
) -> Iterator[asyncio.Event]:
    """An event that Ctrl-C, SIGTERM and a terminal that closes set while the context is open.

    With ``on_hangup``, SIGHUP calls that instead.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    numbers = [signal.SIGINT, signal.SIGTERM]
    # nohup has it ignored, for what is to outlive its terminal.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    for number in numbers:
        if number is signal.SIGHUP and on_hangup is not None:
            loop.add_signal_handler(number, on_hangup)
        else:
            loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def keep_running(
    name: str, arguments: Sequence[str], *, log_to: int | None = None, is_first: bool = True
) -> None:
    """Run ``culturewatch`` with ``arguments``, and again when it ends, until cancelled.

    Cancelled, it asks the process to end, and kills it after a while.

    Raises:
        ChildError: the first time, it says that its configuration cannot be used; not where
            this is not the first that runs under the name (``is_first``).
    """
    pause_s = FIRST_PAUSE_S
    for start in itertools.count():
        began_s = time.monotonic()
        code = await run_once(arguments, log_to=log_to)
        # Later somebody may be editing the files: that must not end what runs beside it.
        if code == WRONG_USE and is_first and start == 0:
            raise ChildError(f"the {name} cannot run; its message above says why", code)
        if time.monotonic() - began_s > STEADY_S:
            pause_s = FIRST_PAUSE_S
        log.error("the %s ended with %d; it is started again in %g s", name, code, pause_s)
        await asyncio.sleep(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


async def run_once(
    arguments: Sequence[str],
    *,
    log_to: int | None = None,
    started: Callable[[asyncio.subprocess.Process], None] = lambda _: None,
) -> int:
    """Run ``culturewatch`` with ``arguments``; its exit code.

    Cancelled, it is ended; it also ends when this process does, in whatever way.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "culturewatch.bound", *arguments),
        # Never written to: ``culturewatch.bound`` waits for its end.
        stdin=asyncio.subprocess.PIPE,
        stdout=log_to,
        stderr=log_to,
        # Ctrl-C in the terminal goes to us alone: we end the others in order.
        start_new_session=True,
    )
    started(process)
    try:
        return await process.wait()
    finally:
        await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(END_S):
            await process.wait()
    except TimeoutError:
        log.warning("process %d did not end within %g s and is killed", process.pid, END_S)
        process.kill()
        await process.wait()
