"""A program that asks the console, and the tokens that it has."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from msgspec.structs import replace

from console.api.tokens import ApiTokens, Scope
from console.settings import ConsoleSettings
from storage.wall import wall_ms
from tests.unit.console.lab import (
    browser,
    settings,
)

MINUTE = 60_000
READ = [Scope.READINGS, Scope.ALARMS, Scope.BATCHES, Scope.HEALTH]


def told(data: Path) -> ConsoleSettings:
    return replace(settings(data), api_tokens=data / "secrets" / "api-tokens")


def token(data: Path, *scopes: Scope, name: str = "t", person: str = "") -> dict[str, str]:
    """The header of a new token."""
    now = wall_ms()
    text = ApiTokens(data / "secrets" / "api-tokens").make(
        name, scopes, expires_at=now + 60 * MINUTE, now=now, by="anna", person=person
    )
    return {"Authorization": f"Bearer {text}"}


@asynccontextmanager
async def client(data: Path, *scopes: Scope, person: str = "") -> AsyncIterator[httpx.AsyncClient]:
    """A program with a token of these scopes."""
    async with browser(told(data)) as found:
        found.headers.update(token(data, *scopes, person=person))
        yield found
