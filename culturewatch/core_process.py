"""The process of the core: without what only the commands of people need, as it runs for years."""

import gc
from pathlib import Path

import uvloop

from alerts.schema import StoreError
from alerts.token import KeyFileError
from culturewatch import logs
from culturewatch.core import run_core
from culturewatch.faults import told
from culturewatch.processes import stopped_by_signals
from culturewatch.reload import HANGUP, Reload
from culturewatch.site import load
from storage.journal import JournalError

COLLECT_AFTER = 20_000
"""More objects than readings under way are made of: those go by their counts, without a search."""


def run_alone(site: Path) -> None:
    """Run the core of the site whose file is ``site``, until a signal ends it."""
    logs.set_up()
    search_less()
    with told(StoreError, JournalError, wrong_use=(KeyFileError,)):
        uvloop.run(_main(site))


def search_less() -> None:
    """Look for objects that hold each other more seldom, and not among what stays for ever.

    Measured (``bench.mqtt``): a tenth of what a message costs went into looking in vain.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 20, 20)


async def _main(site: Path) -> None:
    asked = Reload()
    with stopped_by_signals(lambda: asked.ask(HANGUP)) as stop:
        await run_core(load(site), stop, asked)
