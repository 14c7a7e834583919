"""The HTTP API as an application: its table of routes, its description, and its faults."""

import json
import logging
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import Response
from starlette.exceptions import HTTPException as StarletteHTTPException

from alerts.schema import StoreError
from batches.authority import Denied
from batches.placement import Refused
from console.api import described, examples, readings
from console.api.described import answers
from console.api.routes import VERSION, Api, Name, Note, Shelving
from console.api.tokens import ApiToken, ApiTokens, Scope
from console.settings import ConsoleSettings
from console.sight import BlindError, Sight
from console.view import SiteView
from storage.database import DatabaseError
from storage.inbox import InboxError
from storage.waiting import JournalError

log = logging.getLogger(__name__)

AT = f"/api/v{VERSION}"


def api(settings: ConsoleSettings, sight: Sight[SiteView], tokens: ApiTokens) -> FastAPI:
    """The application that is mounted at ``AT``."""
    site = Api(settings, sight, tokens)
    app = _Described(
        title="culturewatch",
        version=VERSION,
        summary="Readings, alarms and batches of one laboratory.",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        servers=[{"url": AT}],
        root_path_in_servers=False,
        redirect_slashes=False,
        exception_handlers={
            StarletteHTTPException: said_to_program,
            RequestValidationError: _say_invalid,
            **dict.fromkeys((StoreError, JournalError, DatabaseError, InboxError), _say_away),
            BlindError: _say_away,
            Refused: _say_unknown,
            Denied: _say_denied,
        },
    )
    _devices(app, site)
    _reads(app, site)
    _streams(app, site)
    _records(app, site)
    _acts(app, site)
    _orders(app, site)
    return app


def _reads(app: FastAPI, site: Api) -> None:
    table: tuple[tuple[str, Scope, Callable[..., Any], type, tuple[int, ...]], ...] = (
        ("/readings", Scope.READINGS, site.curve, readings.Curve, (404,)),
        ("/alarms", Scope.ALARMS, site.alarms, described.Alarms, ()),
        ("/alarms/history", Scope.ALARMS, site.history, described.History, ()),
        ("/batches", Scope.BATCHES, site.batches, described.Batches, ()),
        ("/batches/{batch}", Scope.BATCHES, site.batch, described.Batches, (404,)),
        (
            "/batches/{batch}/placements",
            Scope.BATCHES,
            site.placements,
            described.Placements,
            (404,),
        ),
        ("/devices/{device}/placements", Scope.BATCHES, site.inside, described.Placements, (404,)),
        ("/health", Scope.HEALTH, site.health, described.Health, ()),
    )
    for path, scope, answer, kind, more in table:
        app.add_api_route(
            path,
            answer,
            methods=["GET"],
            response_class=Response,
            responses=answers(kind, *more),
            dependencies=[Depends(site.entry.needs(scope))],
        )


def _streams(app: FastAPI, site: Api) -> None:
    plain: dict[str, Any] = {"schema": {"type": "string"}}
    lines = json.dumps(examples.READING) + '\n{"end":true,"readings":1,"damaged":0}\n'
    app.add_api_route(
        "/readings/each",
        site.each,
        methods=["GET"],
        response_class=Response,
        responses=answers(described.Fault)
        | {
            200: {
                "description": "A line a reading; the last says how many.",
                "content": {"application/x-ndjson": plain | {"example": lines}, "text/csv": plain},
            }
        },
        dependencies=[Depends(site.entry.needs(Scope.READINGS))],
    )
    app.add_api_route(
        "/events",
        site.events,
        methods=["GET"],
        response_class=Response,
        responses=answers(described.Fault)
        | {200: {"description": "Events.", "content": {"text/event-stream": plain}}},
    )


def _devices(app: FastAPI, site: Api) -> None:
    asked = Depends(site.entry.needs(Scope.READINGS))

    async def devices(token: Annotated[ApiToken, asked]) -> Response:
        """Every device with its newest readings.

        Without the scope read:batches nothing is told of batches and vials (null), without
        read:alarms nobody is named in alarms.
        """
        return await site.devices(token)

    app.add_api_route(
        "/devices",
        devices,
        methods=["GET"],
        response_class=Response,
        responses=answers(described.Devices),
    )


def _records(app: FastAPI, site: Api) -> None:
    asked = Depends(site.entry.needs(Scope.RECORDS))

    async def record(batch: Name, token: Annotated[ApiToken, asked]) -> Response:
        """The record of a batch or vial as of now, without its files: readings, charts, PDF."""
        return await site.record(batch, token)

    whole: dict[str, Any] = {"schema": {"type": "object", "required": ["schema", "id", "verdict"]}}
    said: dict[int | str, dict[str, Any]] = {
        200: {"description": "The record.", "content": {"application/json": whole}}
    }
    app.add_api_route(
        "/batches/{batch}/record",
        record,
        methods=["GET"],
        response_class=Response,
        responses={**answers(described.Fault, 404), **said},
    )


def _acts(app: FastAPI, site: Api) -> None:
    person = Depends(site.entry.needs(Scope.ACT))

    async def acknowledge(rule: Name, said: Note, token: Annotated[ApiToken, person]) -> Response:
        """Take an alarm, in the name of the token's person: its escalation stops."""
        return await site.acknowledge(rule, said, token)

    async def shelve(rule: Name, said: Shelving, token: Annotated[ApiToken, person]) -> Response:
        """Keep an alarm from paging for a while, with a reason."""
        return await site.shelve(rule, said, token)

    async def unshelve(rule: Name, token: Annotated[ApiToken, person]) -> Response:
        """Take an alarm off the shelf before its time."""
        return await site.unshelve(rule, token)

    for verb, answer in (("ack", acknowledge), ("shelve", shelve), ("unshelve", unshelve)):
        said = answers(described.Acted, 404) | {
            code: answers(described.Acted)[200] for code in (202, 409)
        }
        app.add_api_route(
            f"/alarms/{{rule}}/{verb}",
            answer,
            methods=["POST"],
            response_class=Response,
            responses=said,
        )


def _orders(app: FastAPI, site: Api) -> None:
    person = Depends(site.entry.needs(Scope.ADMIN))

    async def reload(token: Annotated[ApiToken, person]) -> Response:
        """Have the core read its files again; with a mistake in them nothing is changed.

        What differs stands in the audit trail, value by value, old and new.
        """
        return await site.reload(token)

    acted = answers(described.Acted)[200]
    app.add_api_route(
        "/reload",
        reload,
        methods=["POST"],
        response_class=Response,
        responses=answers(described.Acted)
        | {202: acted, 409: acted, 422: answers(described.Unusable)[200]},
    )


class _Described(FastAPI):
    """Described with the types that are really sent, and the token that every route asks for."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            made = get_openapi(
                title=self.title,
                version=self.version,
                summary=self.summary,
                routes=self.routes,
                servers=self.servers,
            )
            components = made.setdefault("components", {})
            components.setdefault("schemas", {}).update(described.schemas())
            components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
            described.illustrate(made)
            made["security"] = [{"token": []}]
            self.openapi_schema = made
        return self.openapi_schema


def _fault(status: int, why: str, headers: dict[str, str] | None = None) -> Response:
    body = msgspec.json.encode(described.Fault(why))
    return Response(body, status, headers, media_type="application/json")


async def said_to_program(_: Request, error: Exception) -> Response:
    """The fault of a request as JSON."""
    if not isinstance(error, StarletteHTTPException):
        return _fault(500, "the log of the console says over what it stumbled")
    headers = dict(error.headers) if error.headers else None
    return _fault(error.status_code, str(error.detail), headers)


async def _say_invalid(_: Request, error: Exception) -> Response:
    found = error.errors() if isinstance(error, RequestValidationError) else ()
    told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in found)
    return _fault(422, told)


async def _say_away(_: Request, error: Exception) -> Response:
    log.error("%s", error)
    return _fault(503, str(error))


async def _say_unknown(_: Request, error: Exception) -> Response:
    return _fault(404, str(error))


async def _say_denied(_: Request, error: Exception) -> Response:
    return _fault(403, str(error))
