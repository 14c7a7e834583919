"""``python -m culturewatch.bound``: ``culturewatch`` whose life is bound to who started it.

Its standard input is a pipe that the starter holds open and never writes to. However the starter
ends, by ``kill -9`` as well, the system closes the pipe; then this process ends in order, as after
SIGTERM, and is gone at last without. Looked at and left: PR_SET_PDEATHSIG of prctl(2), which Linux
alone has, and which is sent when the thread ends that started the process.
"""

import os
import signal
import sys
import threading
import time

from culturewatch.begin import main
from culturewatch.processes import END_S


def bind() -> None:
    """End this process when nobody holds the other end of its standard input any more.

    Whoever reads standard input then finds it empty.
    """
    lifeline = os.dup(sys.stdin.fileno())
    empty = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    os.dup2(empty, sys.stdin.fileno())
    os.close(empty)
    threading.Thread(target=_outlive, args=(lifeline,), name="lifeline", daemon=True).start()


def _outlive(lifeline: int) -> None:
    while os.read(lifeline, 64):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(END_S)
    # It hangs, and nobody is left to notice.
    os._exit(1)


if __name__ == "__main__":
    bind()
    main()
