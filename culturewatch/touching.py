"""Listening to a running site while somebody warms a probe."""

import time
from collections import defaultdict
from collections.abc import Callable

from culturewatch.site import Site
from devices.quality import Quality
from devices.scan import Scan
from storage.reader import JournalReader

LOOK_S = 0.5


def heard(
    site: Site, quantity: str, span_s: float, *, each: Callable[[float], None] = lambda _: None
) -> dict[str, list[float]]:
    """Good live values of every channel of ``quantity`` in the next ``span_s`` seconds.

    ``each`` is told the seconds that are left, again and again.

    Raises:
        storage.journal.JournalError: the journal cannot be read.
    """
    found: dict[str, list[float]] = defaultdict(list)
    ends_s = time.monotonic() + span_s
    with JournalReader(site.data) as reader:
        after = reader.last
        while (left_s := ends_s - time.monotonic()) > 0:
            for seq, entry in reader.entries(after):
                after = seq
                if isinstance(entry, Scan):
                    for one in entry.readings():
                        if one.quantity != quantity or one.quality is not Quality.GOOD:
                            continue
                        if one.value is not None:
                            found[one.channel].append(one.value)
            each(left_s)
            # The pace of the devices; nobody waits for this process.
            time.sleep(min(LOOK_S, left_s))
    return found
