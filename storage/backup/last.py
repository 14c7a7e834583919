"""How backups of a site go: one small file in its folder of data, written by who makes them.

The core reads it, so that a backup that failed, or that nobody made, is an alarm like any other.
"""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec

NAME = "backups.json"


class Backups(msgspec.Struct, frozen=True, kw_only=True):
    """Times are epoch milliseconds, UTC; None: never.

    ``since``: when the site began to wait for its first backup. ``good_at``: the state that the
    last good one holds, which is ``path``. ``checked_at``: when one was last read back whole and
    was what had been kept. ``trouble``: why the last one failed or was found damaged, else empty.
    """

    since: int
    good_at: int | None = None
    path: str = ""
    checked_at: int | None = None
    trouble: str = ""

    def wait_ms(self, now: int) -> int:
        """The age at ``now`` of the last good backup, or how long there has been none."""
        return _since(self.good_at, self.since, now)

    def check_wait_ms(self, now: int) -> int:
        """How long ago a backup was last read back, or how long none ever was."""
        return _since(self.checked_at, self.since, now)


def read(data: Path) -> Backups | None:
    """What was last said in the folder ``data``; None when nothing was, or it cannot be read."""
    try:
        return msgspec.json.decode((data / NAME).read_bytes(), type=Backups)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def begin(data: Path, now: int) -> None:
    """Wait for the first backup from ``now`` on, unless it is known how backups go.

    Raises:
        OSError: it cannot be written.
    """
    if read(data) is not None:
        return
    if (data / NAME).exists():
        _write(data, Backups(since=now))
        return
    with _fresh(data, Backups(since=now)) as fresh:
        try:
            (data / NAME).hardlink_to(fresh)
        except FileExistsError:
            # A backup that was made this instant said so first.
            return
        except OSError:
            # A disk that knows no links.
            fresh.replace(data / NAME)


def made(data: Path, path: Path, at: int, trouble: str) -> None:
    """A backup of the state at ``at`` was made in ``path``; a good one where ``trouble`` is empty.

    Raises:
        OSError: it cannot be written.
    """
    known = read(data) or Backups(since=at)
    if not trouble:
        known = msgspec.structs.replace(known, good_at=at, path=str(path))
    _write(data, msgspec.structs.replace(known, trouble=trouble))


def failed(data: Path, at: int, trouble: str) -> None:
    """No backup could be made at ``at``, and why.

    Raises:
        OSError: it cannot be written.
    """
    known = read(data) or Backups(since=at)
    _write(data, msgspec.structs.replace(known, trouble=trouble))


def checked(data: Path, at: int, trouble: str) -> None:
    """A backup was read back whole at ``at``; ``trouble`` says what was wrong with it.

    Raises:
        OSError: it cannot be written.
    """
    known = read(data) or Backups(since=at)
    if not trouble:
        # What failed to be made stands until one is made.
        _write(data, msgspec.structs.replace(known, checked_at=at))
    else:
        _write(data, msgspec.structs.replace(known, trouble=trouble))


def _since(at: int | None, since: int, now: int) -> int:
    # A time that is still to come was told by a clock that was wrong: it proves nothing.
    known = [each for each in (at, since) if each is not None and each <= now]
    return now - known[0] if known else 0


def _write(data: Path, said: Backups) -> None:
    with _fresh(data, said) as fresh:
        fresh.replace(data / NAME)


@contextlib.contextmanager
def _fresh(data: Path, said: Backups) -> Iterator[Path]:
    fresh = data / f".{NAME}.{uuid.uuid4().hex}.part"
    try:
        with fresh.open("xb") as file:
            file.write(msgspec.json.encode(said))
            file.flush()
            os.fsync(file.fileno())
        yield fresh
    finally:
        with contextlib.suppress(OSError):
            fresh.unlink()
