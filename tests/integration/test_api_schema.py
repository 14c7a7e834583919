"""The API as it describes itself: schemathesis asks what no person would, bounded in number."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from msgspec.structs import replace
from schemathesis import APIOperation, Case, CheckFunction
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.openapi import from_dict
from schemathesis.specs.openapi.checks import (
    ignored_auth,
    positive_data_acceptance,
    unsupported_method,
)

from alerts.schema import open_store
from batches.ledger import Ledger
from console.api import acts, entry, events
from console.api.application import AT
from console.api.tokens import ApiTokens, Scope
from storage.journal import Journal
from storage.wall import wall_ms
from tests.unit.console.lab import ADDRESS, browser, incubator, ledger_url, put_batch_into
from tests.unit.console.lab import settings as site_settings

pytestmark = pytest.mark.timeout(300)

EXAMPLES = 15
HOUR_MS = 3_600_000


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """A site with a reading, a batch and an alarm store."""
    put_batch_into(tmp_path, "inc1")
    open_store(tmp_path / "alarms.db").close()
    async with Journal(tmp_path) as journal:
        await journal.put(incubator(37.0))
    return tmp_path


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that asks thousands of things at once, and no core that answers acts."""
    monkeypatch.setattr(entry, "BURST", 1_000_000)
    monkeypatch.setattr(entry, "STRANGER_BURST", 1_000_000)
    monkeypatch.setattr(acts, "ANSWER_S", 0.0)
    monkeypatch.setattr(events, "LASTS_S", 0.0)


def record(url: str, batch: str, by: str) -> bytes:
    """What a record begins with, of a batch that the ledger knows."""
    found = Ledger(url).batch(batch)
    return msgspec.json.encode({"schema": "1", "id": found.id, "verdict": "", "made": by})


@pytest.mark.usefixtures("unhurried")
def test_every_route_answers_as_the_description_says(data: Path) -> None:
    told = replace(
        site_settings(data),
        api_tokens=data / "secrets" / "api-tokens",
        record=partial(record, ledger_url(data)),
        site_id="lab",
        findings=lambda: (),
    )
    now = wall_ms()
    text = ApiTokens(data / "secrets" / "api-tokens").make(
        "tests", list(Scope), expires_at=now + HOUR_MS, now=now, by="anna", person="A"
    )
    with asyncio.Runner() as loop, ExitStack() as stack:
        site = browser(told)
        client = loop.run(site.__aenter__())
        stack.callback(lambda: loop.run(site.__aexit__(None, None, None)))
        client.headers["Authorization"] = f"Bearer {text}"

        def send(*words: Any, **more: Any) -> httpx.Response:  # noqa: ANN401 # as httpx
            return loop.run(client.request(*words, **more))

        described = send("GET", f"{AT}/openapi.json").json()
        # Every request here has a token; what happens without one is tested with the routes.
        assert described.pop("security") == [{"token": []}]
        asked = {
            (operation.label, mode): _asked(operation, mode, send)
            for operation in _operations(described)
            for mode in _modes(described["paths"][operation.path][operation.method])
        }
    assert len({label for label, _ in asked}) == len(described["paths"]) >= 14
    assert all(counts.keys() <= {"2xx", "4xx"} for counts in asked.values())
    answered = {label for (label, _), counts in asked.items() if counts["2xx"]}
    assert answered >= {f"GET /{name}" for name in ("devices", "alarms", "batches", "health")}


def _operations(described: dict[str, Any]) -> Iterator[APIOperation[Any, Any, Any, Any]]:
    for found in from_dict(described).get_all_operations():
        assert isinstance(found, Ok), found
        yield found.ok()


def _modes(described: dict[str, Any]) -> tuple[GenerationMode, ...]:
    """What takes nothing cannot be asked wrongly."""
    takes = described.get("parameters") or described.get("requestBody")
    return tuple(GenerationMode) if takes else (GenerationMode.POSITIVE,)


def _asked(
    operation: APIOperation[Any, Any, Any, Any],
    mode: GenerationMode,
    send: Callable[..., httpx.Response],
) -> Counter[str]:
    """How many answers of each hundred an operation gave; each held against the description."""
    counts: Counter[str] = Counter()
    excluded: list[CheckFunction] = [ignored_auth, unsupported_method]
    if operation.path.startswith("/readings"):
        # That an end comes after its start, and when, no description can say.
        excluded.append(positive_data_acceptance)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case[Any]) -> None:
        plain = case.as_transport_kwargs(base_url=f"{ADDRESS}{AT}")
        answer = send(
            plain["method"],
            plain["url"],
            params=plain.get("params"),
            headers=plain.get("headers"),
            **{name: plain[name] for name in ("json", "content") if plain.get(name) is not None},
        )
        counts[f"{answer.status_code // 100}xx"] += 1
        case.validate_response(answer, excluded_checks=excluded)

    ask()
    return counts
