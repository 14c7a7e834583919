"""What a watchdog must remember over its own restart: which outages were told, and who has them."""

import logging
import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from culturewatch.watchdog.vigil import Outage

log = logging.getLogger(__name__)


class _Kept(msgspec.Struct, frozen=True):
    began: int
    by: str = ""


def load(path: Path, now_s: float) -> dict[str, Outage]:
    """Outages by site. What cannot be read is forgotten: then people are told once more."""
    try:
        kept = msgspec.json.decode(path.read_bytes(), type=dict[str, _Kept])
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError) as error:
        log.warning("%s: cannot be read: %s; what was told is forgotten", path, error)
        return {}
    return {site: Outage(began=one.began, told_s=now_s, by=one.by) for site, one in kept.items()}


def keep(path: Path, outages: Mapping[str, Outage]) -> None:
    """Write them down; a disk that does not take it must not keep anybody from being told."""
    kept = {site: _Kept(began=one.began, by=one.by) for site, one in outages.items()}
    fresh = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(kept))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        log.warning("%s: cannot be written: %s", path, error)
