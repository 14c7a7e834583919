"""What ends a command: one line that says what, where and what to do; never a traceback."""

import contextlib
import sys
from collections.abc import Iterator

from culturewatch import streams
from culturewatch.secret import SecretError
from culturewatch.site import SiteError

FAILED, WRONG_USE = 1, 2


@contextlib.contextmanager
def told(*kinds: type[Exception], wrong_use: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Print faults of these kinds as lines and exit: 1 for them, 2 for wrong use.

    A site or a secret that cannot be used is always wrong use. Anything else passes through.
    """
    wrong: tuple[type[Exception], ...] = (SiteError, SecretError, *wrong_use)
    known: tuple[type[Exception], ...] = (*wrong, OSError, *kinds)
    try:
        yield
    except known as fault:
        _end([fault], wrong)
    except BaseExceptionGroup as group:
        faults = list(_leaves(group))
        if not all(isinstance(fault, known) for fault in faults):
            raise
        _end(faults, wrong)


def _end(faults: list[BaseException], wrong: tuple[type[Exception], ...]) -> None:
    if any(isinstance(fault, BrokenPipeError) and streams.is_of_output(fault) for fault in faults):
        # Who reads has seen enough: nobody is left to tell.
        raise SystemExit(FAILED)
    for line in dict.fromkeys(line for fault in faults for line in _text(fault).splitlines()):
        sys.stderr.write(f"culturewatch: {_shown(line)}\n")
    raise SystemExit(WRONG_USE if any(isinstance(f, wrong) for f in faults) else FAILED)


def _shown(line: str) -> str:
    """``line`` without what would move a cursor or turn the direction of writing."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in line)


def _text(fault: BaseException) -> str:
    if isinstance(fault, OSError) and fault.filename is not None and fault.strerror:
        return f"{fault.filename}: {fault.strerror}"
    if isinstance(fault, OSError) and streams.is_of_output(fault):
        return f"the standard output: {fault.strerror}; what it shows is not whole"
    return str(fault)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for fault in group.exceptions:
        if isinstance(fault, BaseExceptionGroup):
            yield from _leaves(fault)
        else:
            yield fault
