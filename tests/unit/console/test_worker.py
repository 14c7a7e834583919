"""Long work in a process of its own: what it says, how it ends, and that nothing is left of it."""

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import psutil
import pytest

from console.worker import Tell, WorkError, work

pytestmark = pytest.mark.long


def counts(to: int, tell: Tell) -> int:
    for n in range(1, to + 1):
        tell(n, to)
    return os.getpid()


def refuses(_: Tell) -> None:
    raise WorkError("the disk is full; make room")


def dies(_: Tell) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def talks_slowly(tell: Tell) -> str:
    for n in range(6):
        time.sleep(1.1)
        tell(n, 6)
    return "done"


def says_nothing(tell: Tell) -> None:
    tell(os.getpid(), 0)
    time.sleep(45)


def never_ends(tell: Tell) -> None:
    tell(os.getpid(), 0)
    while True:
        time.sleep(1)


def test_it_is_done_elsewhere_and_tells_how_far_it_is() -> None:
    told: list[tuple[int, int]] = []
    pid = work(
        partial(counts, 3),
        tell=lambda done, of: told.append((done, of)),
        stop=threading.Event(),
        name="count",
        within_s=60.0,
    )
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert pid != os.getpid()
    assert not psutil.pid_exists(pid)


@pytest.mark.parametrize(("act", "why"), [(refuses, "make room"), (dies, "ended with -9")])
def test_what_goes_wrong_is_one_line(act: partial[None], why: str) -> None:
    with pytest.raises(WorkError, match=why):
        work(act, tell=lambda *_: None, stop=threading.Event(), name="x", within_s=60.0)


def test_it_ends_with_whoever_waits_for_it() -> None:
    stop, begun = threading.Event(), []

    def tell(pid: int, _: int) -> None:
        begun.append(pid)
        stop.set()

    with pytest.raises(WorkError, match="the console is ending"):
        work(never_ends, tell=tell, stop=stop, name="x", within_s=60.0)
    assert not psutil.pid_exists(begun[0])


def test_it_is_ended_when_nothing_is_heard_of_it() -> None:
    with pytest.raises(WorkError, match="nothing was heard"):
        work(never_ends, tell=lambda *_: None, stop=threading.Event(), name="x", within_s=2.0)
    assert not multiprocessing.active_children()


def test_who_goes_on_telling_is_not_ended_however_long_it_takes() -> None:
    found = work(talks_slowly, tell=lambda *_: None, stop=threading.Event(), name="x", within_s=4.0)
    assert found == "done"


WAITS = """
import sys, threading
from console.worker import work
from tests.unit.console.test_worker import says_nothing
if __name__ == "__main__":
    work(says_nothing, tell=lambda pid, _: print(pid, flush=True),
         stop=threading.Event(), name="x", within_s=60.0)
"""


def test_it_ends_with_a_console_that_was_killed_though_it_says_nothing(tmp_path: Path) -> None:
    program = tmp_path / "waits.py"
    program.write_text(WAITS, encoding="utf-8")
    with subprocess.Popen(  # noqa: S603 # our own program
        [sys.executable, str(program)],
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
    ) as console:
        assert console.stdout is not None
        worker = psutil.Process(int(console.stdout.readline()))
        console.kill()
    worker.wait(timeout=10)
