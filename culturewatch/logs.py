"""One line of log for one event, on standard error."""

import logging
import sys
from pathlib import Path

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_CHATTY = ("httpx", "httpcore", "amqtt", "transitions", "asyncio", "mqtt", "alembic")
_TOLD_BY_US = ("pymodbus",)
"""Whose warnings we tell ourselves, with what to do."""


def set_up(level: int = logging.INFO, *, file: Path | None = None) -> None:
    """Log to standard error, or into ``file``; libraries speak from warnings on."""
    handler = (
        logging.StreamHandler(sys.stderr) if file is None else logging.FileHandler(file, mode="w")
    )
    logging.basicConfig(level=level, format=FORMAT, handlers=[handler], force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
    for name in _TOLD_BY_US:
        logging.getLogger(name).setLevel(logging.ERROR)
