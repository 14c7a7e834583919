"""What stood in which device, beside the data: for when the ledger is not to be reached."""

from pathlib import Path

import msgspec

NAME = "at-risk.json"


class Inside(msgspec.Struct, frozen=True, kw_only=True):
    """The batches in one device, a short line for people on each, and how many vials there are."""

    batches: tuple[str, ...] = ()
    vials: int = 0
    lines: tuple[str, ...] = ()


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """What stood in each device at ``at`` (epoch ms); an empty device is not in it."""

    at: int
    devices: dict[str, Inside] = {}


def write(folder: Path, snapshot: Snapshot) -> None:
    """Put ``snapshot`` in place of the one before, whole or not at all.

    Raises:
        OSError: the folder does not take it.
    """
    fresh = folder / f"{NAME}.new"
    fresh.write_bytes(msgspec.json.encode(snapshot))
    fresh.replace(folder / NAME)


def read(folder: Path) -> Snapshot | None:
    """The last one; None when there is none, or none that can be understood."""
    try:
        return msgspec.json.decode((folder / NAME).read_bytes(), type=Snapshot)
    except (OSError, msgspec.MsgspecError):
        return None
