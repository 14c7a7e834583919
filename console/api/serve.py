"""Puts the API, and what Prometheus scrapes, onto the console."""

from pathlib import Path

from fastapi import FastAPI, HTTPException, Request, Response

from console.api.application import AT, api
from console.api.entry import Entry
from console.api.metrics import CONTENT_TYPE, exposition
from console.api.tokens import ApiTokens
from console.settings import ConsoleSettings
from console.sight import Sight
from console.view import SiteView
from storage.wall import wall_ms


def serve_on(app: FastAPI, settings: ConsoleSettings, sight: Sight[SiteView]) -> None:
    """Serve both on ``app``."""
    tokens = ApiTokens(settings.api_tokens or Path())
    entry = Entry(tokens, wall_ms)

    async def metrics(request: Request) -> Response:
        """The core and the alarms for Prometheus; from this machine, or with a token."""
        try:
            entry.let_scrape(request)
        except HTTPException as error:
            return Response(str(error.detail), error.status_code, error.headers)
        return Response(exposition(await sight.look()), media_type=CONTENT_TYPE)

    app.add_api_route("/metrics", metrics, methods=["GET"])
    app.mount(AT, api(settings, sight, tokens))
