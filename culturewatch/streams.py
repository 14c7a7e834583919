"""The streams and words that a program is started with: what is closed, full, or no text."""

import errno
import os
import sys
from io import TextIOWrapper

UNWRITABLE = {errno.ENOSPC, errno.EPIPE, errno.EIO, errno.EFBIG, errno.EDQUOT}
STANDARD = (("stdin", os.O_RDONLY), ("stdout", os.O_WRONLY), ("stderr", os.O_WRONLY))


def settle() -> None:
    """Open what whoever started this had closed, and let every sign be shown by something.

    A file of the site would else be opened as stream 1 or 2, and be written into by what prints.
    """
    for number, (name, how) in enumerate(STANDARD):
        if getattr(sys, name) is None:
            # The lowest number that is free is taken, and those below it are open by now.
            opened = os.open(os.devnull, how)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            os.set_inheritable(number, True)  # noqa: FBT003 # of the standard library
            mode = "r" if how == os.O_RDONLY else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 # a stream by its number, for as long as the process lives
        elif name != "stdin" and isinstance(stream := getattr(sys, name), TextIOWrapper):
            # A terminal or log without a sign for "≤" gets "?" in its place, not a traceback.
            stream.reconfigure(errors="replace")


def no_text(arguments: list[str]) -> str | None:
    """What is wrong with the first word of ``arguments`` that is not in UTF-8, if one is not."""
    for number, word in enumerate(arguments, start=1):
        if not word.isascii() and any("\ud800" <= sign <= "\udfff" for sign in word):
            return f"word {number}, {word!a}: is not in UTF-8; write it so, or rename the file"
    return None


def is_of_output(fault: OSError) -> bool:
    """Whether it is the standard output that cannot be written; if so, nothing more is."""
    if fault.errno not in UNWRITABLE:
        return False
    try:
        # What was large has been given up already, and would not be tried again by a flush.
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), b"\n")
    except OSError as again:
        if again.errno == fault.errno:
            # What is still kept for it would be tried once more at the end, with a traceback.
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)
            return True
    return False
