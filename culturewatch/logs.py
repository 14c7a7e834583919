"""One line of log for one event, on standard error."""

import logging
import sys

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_CHATTY = ("httpx", "httpcore", "pymodbus", "amqtt", "transitions", "asyncio", "mqtt", "alembic")


def set_up(level: int = logging.INFO) -> None:
    """Log to standard error; libraries speak from warnings on."""
    logging.basicConfig(level=level, format=FORMAT, stream=sys.stderr, force=True)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING))
