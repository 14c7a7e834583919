"""Tells of a file that was brought to the format of this version: that cannot be undone."""

import logging

log = logging.getLogger(__name__)


def tell(name: object, before: object, now: object) -> None:
    """Say that ``name`` was of format ``before``, and is of ``now``."""
    log.warning(
        "%s: brought from format %s to %s; nothing of it was lost, and an older version refuses it "
        "from now on",
        *(name, before, now),
    )
