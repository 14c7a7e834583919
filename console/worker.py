"""Long work in a process of its own: the console goes on answering, and nothing outlives it."""

import multiprocessing
import os
import pickle
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import NamedTuple, TypeVar

T = TypeVar("T")
Tell = Callable[[int, int], None]
"""Is told how much of how much is done; of 0 where that cannot be known."""
LOOK_S = 0.5
END_S = 5.0
NICER = 5
"""Collecting and paging go before this."""


class WorkError(Exception):
    """What was asked for was not done; the text says why and what to do."""


class _Advance(NamedTuple):
    done: int
    of: int


class _Failed(NamedTuple):
    why: str


class _Made(NamedTuple):
    value: object


def work(
    act: Callable[[Tell], T], *, tell: Tell, stop: threading.Event, name: str, within_s: float
) -> T:
    """What ``act`` comes to in a process called ``name``; blocks the thread that waits for it.

    ``act`` and what it answers are carried there and back by ``pickle``.

    Raises:
        WorkError: it said so, nothing was heard of it for ``within_s``, ``stop`` was set, or its
            process ended without an answer.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(theirs, act), name=name, daemon=True)
    with ours:
        process.start()
        theirs.close()
        try:
            return _followed(ours, process, tell, stop, within_s)  # type: ignore[return-value] # what act answers
        finally:
            _end(process)


def _followed(
    ours: Connection, process: BaseProcess, tell: Tell, stop: threading.Event, within_s: float
) -> object:
    looks = most = int(within_s / LOOK_S)
    while looks > 0:
        if stop.is_set():
            raise WorkError("the console is ending; ask again when it runs")
        if not ours.poll(LOOK_S):
            looks -= 1
            continue
        try:
            said = ours.recv()
        except (EOFError, OSError, pickle.UnpicklingError) as error:
            process.join(END_S)
            raise WorkError(
                f"the process of this work ended with {process.exitcode}; the log says why"
            ) from error
        match said:
            case _Advance(done, of):
                tell(done, of)
                looks = most
            case _Failed(why):
                raise WorkError(why)
            case _Made(value):
                return value
    raise WorkError(f"nothing was heard of this work for {within_s / 60:g} minutes; ask again")


def _work(theirs: Connection, act: Callable[[Tell], object]) -> None:
    os.nice(NICER)
    threading.Thread(target=_end_with_console, name="console", daemon=True).start()
    with theirs:
        try:
            theirs.send(_Made(act(lambda done, of: theirs.send(_Advance(done, of)))))
        except WorkError as error:
            theirs.send(_Failed(str(error)))


def _end_with_console() -> None:
    """A console that is killed ends nothing by itself; what it began must not go on unseen."""
    console = multiprocessing.parent_process()
    if console is not None:
        console.join()
        # As by a kill: whatever this is at can be killed at any time.
        os._exit(1)


def _end(process: BaseProcess) -> None:
    process.join(LOOK_S)
    if process.is_alive():
        process.terminate()
        process.join(END_S)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()
