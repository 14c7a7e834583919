"""What a request to a screen passes."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import HTTPConnection, Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.types import Message

from console.guard import Guard
from console.screens.seal import Seal

PAGE = "<!doctype html><html dir=ltr><script>a</script><script type=module>b</script></html>"
HERE = "http://localhost"
IN = {"Cookie": "s=good"}


def inner() -> Starlette:
    async def page(_: Request) -> Response:
        return HTMLResponse(PAGE)

    async def away(_: Request) -> Response:
        return HTMLResponse("<script>HTTPException: 404", 404)

    async def plain(_: Request) -> Response:
        return PlainTextResponse("<script>")

    return Starlette(
        routes=[
            Route("/now", page),
            Route("/now/nowhere", away),
            Route("/_nicegui/3/file.js", plain),
            Route("/_nicegui_ws/socket.io/", plain, methods=["GET", "POST"]),
            Route("/secret", page),
        ]
    )


async def is_in(connection: HTTPConnection) -> bool:
    return connection.cookies.get("s") == "good"


@pytest.fixture
def seal() -> Seal:
    return Seal(inner(), screens=["/now"], is_in=is_in, public_url="")


@pytest.fixture
async def client(seal: Seal) -> AsyncIterator[httpx.AsyncClient]:
    app = Guard(Starlette(routes=[Mount("/", app=seal)]), names=["localhost"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HERE) as opened:
        yield opened


async def test_only_scripts_that_the_page_brings_may_run_and_each_page_has_its_own_word(
    client: httpx.AsyncClient,
) -> None:
    one, other = [await client.get("/now", headers=IN) for _ in range(2)]
    policy = one.headers["content-security-policy"]
    nonces = set(re.findall(r'<script nonce="([^"]+)"', one.text))
    assert len(re.findall("<script", one.text)) == 2
    assert len(nonces) == 1
    assert f"'nonce-{nonces.pop()}'" in policy
    assert "script-src 'self' 'nonce" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
    assert policy != other.headers["content-security-policy"]
    assert one.headers["x-frame-options"] == "DENY"
    assert int(one.headers["content-length"]) == len(one.content)


async def test_who_is_not_in_is_sent_to_the_login_and_then_back(client: httpx.AsyncClient) -> None:
    answer = await client.get("/now?span=7d")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2Fnow%3Fspan%3D7d"


async def test_a_page_says_in_which_language_it_is(client: httpx.AsyncClient) -> None:
    page = await client.get("/now", headers=IN | {"Accept-Language": "de"})
    assert '<html lang="de"' in page.text


async def test_files_go_through_as_they_are_and_all_else_is_not_there(
    client: httpx.AsyncClient,
) -> None:
    assert (await client.get("/_nicegui/3/file.js")).text == "<script>"
    assert (await client.get("/secret")).status_code == 404
    inside = await client.get("/now/nowhere", headers=IN)
    assert (inside.status_code, inside.text) == (404, "Not Found")
    assert (await client.get("/nowhere")).status_code == 404


@pytest.mark.parametrize(
    ("cookie", "origin", "status"),
    [
        ("s=good", HERE, 200),
        ("s=good", None, 200),
        ("s=bad", HERE, 403),
        ("", HERE, 403),
        ("s=good", "https://evil.example", 403),
    ],
)
async def test_the_channel_is_for_our_own_pages_of_who_is_in(
    client: httpx.AsyncClient, cookie: str, origin: str | None, status: int
) -> None:
    headers = {"Cookie": cookie} | ({} if origin is None else {"Origin": origin})
    assert (await client.get("/_nicegui_ws/socket.io/", headers=headers)).status_code == status


async def test_a_web_socket_of_another_site_is_closed(seal: Seal) -> None:
    scope = {
        "type": "websocket",
        "path": "/_nicegui_ws/socket.io/",
        "headers": [
            (b"host", b"localhost"),
            (b"origin", b"https://evil.example"),
            (b"cookie", b"s=good"),
        ],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    await seal(scope, receive, send)
    assert sent == [{"type": "websocket.close", "code": 4403}]
