"""Puts the screens onto the application. Only the process that serves them imports this."""

from collections.abc import Iterable

from fastapi import FastAPI
from nicegui import app as screens
from nicegui import ui
from starlette.requests import HTTPConnection
from starlette.routing import Mount

from console.means import Means
from console.screens import account, alarms, batches, device, now, on_call, people, record, system
from console.screens.frame import Frame
from console.screens.seal import Seal

SCREENS = ("/now", "/alarms", "/device", "/batches", "/on-call", "/system", "/account")


def mount(app: FastAPI, means: Means) -> None:
    """Serve the screens on ``app``, behind all of its other routes."""
    frame = Frame(means)
    for screen in (now, alarms, device, record, batches, on_call, people, system, account):
        screen.serve(frame)
    ui.run_with(
        app,
        title=means.settings.site,
        favicon=None,
        # Each page is in the language of who looks: the seal says which.
        language=None,
        # Two reconnects of a phone that changes its network take this long.
        reconnect_timeout=10.0,
        # Each screen says anew what is so.
        message_history_length=0,
        gzip_middleware_factory=None,
        tailwind=False,
        show_welcome_message=False,
    )
    # A bar over the page at each request says nothing that anybody waits for, and has no name.
    screens.config.quasar_config["loadingBar"] = {"skipHijack": True}
    place = _mounted(app.router.routes)

    async def is_in(connection: HTTPConnection) -> bool:
        token = connection.cookies.get(means.cookie, "")
        return await means.entrance.visitor(token) is not None

    place.app = Seal(place.app, screens=SCREENS, is_in=is_in, public_url=means.settings.public_url)


def _mounted(routes: Iterable[object]) -> Mount:
    found = [route for route in routes if isinstance(route, Mount)]
    return found[-1]
