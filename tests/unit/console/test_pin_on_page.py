"""The page behind a link asks for the PIN of the person the link is for."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from console.pins import Pins
from tests.unit.console.lab import (
    ADDRESS,
    Core,
    browser,
    core,
    incubator,
    link,
    nonce_in,
    settings,
    state_of,
    waiting,
)

pytestmark = pytest.mark.long


@pytest.fixture
async def alarmed(tmp_path: Path) -> AsyncIterator[Core]:
    """A core with one alarm."""
    async with core(tmp_path) as running:
        await running.hear(incubator(37.0), incubator(38.5))
        yield running


@pytest.fixture
async def client(tmp_path: Path, alarmed: Core) -> AsyncIterator[httpx.AsyncClient]:  # noqa: ARG001 # the site must be there first
    async with browser(replace(settings(tmp_path), pins=tmp_path / "pins")) as opened:
        yield opened


async def typed(client: httpx.AsyncClient, address: str, **fields: str) -> httpx.Response:
    """The form of the page, filled in."""
    page = await client.get(address)
    form = {"nonce": nonce_in(page), **fields}
    return await client.post(address, data=form, headers={"Origin": ADDRESS})


async def test_who_has_a_pin_is_asked_for_it(tmp_path: Path, client: httpx.AsyncClient) -> None:
    address = link(tmp_path)
    assert "Your PIN" not in (await client.get(address)).text
    Pins(tmp_path / "pins").keep("A", "4711")
    assert "Your PIN" in (await client.get(address)).text


async def test_without_the_right_pin_nothing_is_acknowledged(
    tmp_path: Path, client: httpx.AsyncClient, alarmed: Core
) -> None:
    Pins(tmp_path / "pins").keep("A", "4711")
    Pins(tmp_path / "pins").keep("B", "0815")
    address = link(tmp_path)
    async with alarmed.taking():
        for wrong in ("", "0815", "4712"):
            answer = await typed(client, address, pin=wrong)
            assert answer.status_code == 403
            assert "Nothing was acknowledged: this is not your PIN" in answer.text
            assert wrong == "" or wrong not in answer.text
        assert waiting(tmp_path) == []
        assert state_of(tmp_path) == "U"
        answer = await typed(client, address, pin="4711", note="on my way")
        assert answer.status_code == 200
    assert state_of(tmp_path) == "A"


async def test_what_was_noted_stands_there_again_after_a_wrong_pin(
    tmp_path: Path, client: httpx.AsyncClient
) -> None:
    Pins(tmp_path / "pins").keep("A", "4711")
    note = "on my way <b>now</b>, plates & all"
    again = await typed(client, link(tmp_path), pin="4712", note=note)
    shown = re.search(r"<textarea[^>]*>([^<]*)</textarea>", again.text)
    assert shown is not None
    assert unescape(shown[1]) == note


async def test_the_page_speaks_the_language_of_the_phone(
    tmp_path: Path, client: httpx.AsyncClient, alarmed: Core
) -> None:
    Pins(tmp_path / "pins").keep("A", "4711")
    client.headers["Accept-Language"] = "de-AT,de;q=0.9"
    page = await client.get(link(tmp_path))
    assert '<html lang="de">' in page.text
    for said in ("KRITISCH: inc1-temp-high", "Jetzt tun", "Quittieren als Ada", "Ihre PIN"):
        assert said in page.text, said
    wrong = await typed(client, link(tmp_path), pin="4712")
    assert "Nichts wurde quittiert: das ist nicht Ihre PIN." in wrong.text
    async with alarmed.taking():
        done = await typed(client, link(tmp_path), pin="4711")
    assert "✔ Quittiert von Ada" in done.text
    forged = await client.get("/ack/forged")
    assert "Dieser Link wurde nicht hier gemacht" in forged.text


async def test_five_wrong_pins_lock_it_and_the_right_one_does_not_open_it(
    tmp_path: Path, client: httpx.AsyncClient
) -> None:
    Pins(tmp_path / "pins").keep("A", "4711")
    address = link(tmp_path)
    for _ in range(5):
        await typed(client, address, pin="1234")
    answer = await typed(client, address, pin="4711")
    assert answer.status_code == 403
    assert "too many wrong PINs" in answer.text
    assert state_of(tmp_path) == "U"
