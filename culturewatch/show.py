"""``culturewatch status``: the site as its files tell it, once or again and again."""

import contextlib
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live

from console.view import Equipment, SiteView, Viewer
from culturewatch import itself
from culturewatch.output import say_json
from culturewatch.site import Site, load
from culturewatch.table import render
from culturewatch.terminal import can_redraw, terminal

EVERY_S = 1.0


def viewer(site: Site) -> Viewer:
    """Who looks at the site's data."""
    return Viewer(site.data, site.ledger_url, equipment(site))


def equipment(site: Site) -> tuple[Equipment, ...]:
    """What screens must know of the site's devices."""
    devices = [
        Equipment(
            id=device.id,
            name=device.declared.name,
            location=device.declared.location,
            period_ms=int(device.period),
            channels=tuple((c.key, c.quantity) for c in device.profile.channels),
        )
        for device in site.devices
    ]
    own = Equipment(
        id=itself.DEVICE,
        name=itself.NAME,
        location="",
        period_ms=itself.PERIOD_MS,
        is_system=True,
    )
    return (*devices, own)


def show_status(path: Path, *, as_json: bool, watch: bool) -> bool:
    """Print how the site is; whether its core runs.

    Raises:
        culturewatch.site.SiteError: the site cannot be read.
    """
    site = load(path)
    looking = viewer(site)
    if as_json:
        view = looking.look()
        say_json(view)
        return view.core_alive
    console = terminal()
    if not watch:
        view = looking.look()
        title = site.file.site.name
        console.print(render(view, site.zone, title=title, width=console.width))
        return view.core_alive
    return _watch(site, looking, console)


def _watch(site: Site, looking: Viewer, console: Console) -> bool:
    view: SiteView = looking.look()
    title = site.file.site.name
    live = Live(console=console, auto_refresh=False, screen=True) if can_redraw(console) else None
    try:
        with live or contextlib.nullcontext():
            while True:
                view = looking.look()
                width, height = console.size
                if live is None:
                    console.print(render(view, site.zone, title=title, width=width))
                else:
                    picture = render(view, site.zone, title=title, width=width, height=height)
                    live.update(picture, refresh=True)
                # The eye's pace; nothing waits for this process.
                time.sleep(EVERY_S)
    except KeyboardInterrupt:
        return view.core_alive
