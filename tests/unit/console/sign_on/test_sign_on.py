"""Log in by a provider of identities: who comes in, who does not, and what becomes of them."""

import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from msgspec.structs import replace

from batches.batch import Signed
from batches.ledger import Ledger
from batches.person import UNKNOWN
from console.entrance import Entrance
from console.login_pages import LoginPages
from console.oidc.flow import Flows
from console.oidc.provider import Provider
from console.oidc.why import OidcError
from storage.wall import wall_ms
from tests.unit.batches.staff import people_of
from tests.unit.console.lab import ADDRESS, settings
from tests.unit.console.oidc_house import CLIENT, House
from tests.unit.console.sign_on.coming import CODE, OURS, back_from, came, entered, of

pytestmark = pytest.mark.long


async def test_whom_the_provider_knows_and_the_ledger_too_comes_in(
    client: httpx.AsyncClient, house: House, ledger: Ledger
) -> None:
    login = await client.get("/login", params={"next": "/alarms"})
    assert 'href="/oidc/login?next=%2Falarms"' in login.text
    assert "Log in through the house" in login.text
    back = await came(client, house)
    assert back.status_code == 200
    # A page of our own goes on: after a redirect from there the strict cookie would stay at home.
    assert 'http-equiv="refresh" content="0; url=/alarms"' in back.text
    cookies = {one.partition("=")[0]: one for one in back.headers.get_list("set-cookie")}
    assert {"HttpOnly", "SameSite=strict"} <= set(cookies["culturewatch"].split("; "))
    assert entered(ledger) == [("anna", "right")]


async def test_a_provider_that_is_away_is_one_entry_of_the_trail_however_many_come(
    client: httpx.AsyncClient, house: House, ledger: Ledger
) -> None:
    house.broken = ".well-known/openid-configuration"
    for _ in range(5):
        gone = await client.get("/oidc/login")
        assert gone.status_code == 403
        assert "the provider of identities cannot be reached or used" in gone.text
    assert len(entered(ledger)) == 1


async def test_what_a_provider_says_of_itself_is_asked_again_when_old_and_when_it_did_not_hold(
    house: House,
) -> None:
    now_s = time.time()
    provider = Provider(of(house), now_s=lambda: now_s)
    flow = Flows().begin("/now", wall_ms())

    async def found(path: str) -> bool:
        return (await provider.way_there(flow)).startswith(f"{house.issuer}/{path}?")

    assert await found("authorize")
    house.says = {"authorization_endpoint": f"{house.issuer}/moved"}
    assert await found("authorize")
    now_s += 3_601
    assert await found("moved")
    house.says = {"token_endpoint": f"{house.issuer}/token"}
    house.broken = "token"
    with pytest.raises(OidcError):
        await provider.claims("x", flow)
    assert await found("authorize")


async def test_who_declines_there_is_told_so(client: httpx.AsyncClient, house: House) -> None:
    state = parse_qs(urlsplit(await back_from(client, house)).query)["state"][0]
    back = await client.get("/oidc/callback", params={"error": "access_denied", "state": state})
    assert (back.status_code, "did not let you in" in back.text) == (403, True)


@pytest.mark.parametrize("user", ["u-eve", "u-nobody"])
async def test_whom_the_ledger_does_not_know_does_not_come_in(
    client: httpx.AsyncClient, house: House, ledger: Ledger, user: str
) -> None:
    house.user = user
    # Roles of the provider's count for nothing.
    house.claims = {"roles": ["admin"], "groups": ["admin"]}
    back = await came(client, house)
    assert back.status_code == 403
    assert "this laboratory does not" in back.text
    assert entered(ledger) == [(UNKNOWN, "no such person")]


async def test_who_works_here_no_more_does_not_come_in(
    client: httpx.AsyncClient, house: House, ledger: Ledger
) -> None:
    people_of(ledger).end("anna", act=Signed(by="admin", reason="left"))
    assert (await came(client, house)).status_code == 403
    assert entered(ledger) == [("anna", "works here no more")]


async def test_what_went_wrong_there_locks_nobody_out_of_their_password(
    client: httpx.AsyncClient, house: House, ledger: Ledger
) -> None:
    house.claims = {"aud": "another"}
    for _ in range(4):
        await came(client, house)
    found = people_of(ledger).authenticate("admin", "correct horse 1")
    assert not hasattr(found, "why")


async def test_who_tries_too_often_waits_and_the_provider_is_left_alone(
    client: httpx.AsyncClient, house: House, ledger: Ledger
) -> None:
    came_back = [(await client.get(CODE)).text for _ in range(25)]
    refused = [text for text in came_back if "too many tries" in text]
    # Ten, and one more each six seconds.
    assert refused
    assert len(entered(ledger)) == len(came_back) - len(refused)
    assert house.asked == []
    gone = [(await client.get("/oidc/login")).status_code for _ in range(30)]
    assert set(gone) == {303}
    assert "too many tries" in (await client.get("/oidc/login")).text


@pytest.mark.parametrize("broken", [".well-known/openid-configuration", "token", "jwks"])
async def test_a_provider_that_is_away_leaves_the_password(
    client: httpx.AsyncClient, house: House, broken: str
) -> None:
    house.broken = broken
    gone = await client.get("/oidc/login")
    if gone.status_code == 303:
        gone = await client.get(house.authorize(gone.headers["location"]).removeprefix(ADDRESS))
    assert gone.status_code == 403
    assert "log in with your password" in gone.text
    assert 'name="password"' in gone.text


@pytest.mark.parametrize(
    "says",
    [
        {"issuer": "http://127.0.0.1:1"},
        {"token_endpoint": "http://elsewhere.example/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"jwks_uri": 7},
    ],
)
async def test_a_provider_that_says_it_is_another_or_sends_elsewhere_is_not_used(
    client: httpx.AsyncClient, house: House, says: dict[str, object]
) -> None:
    house.says = says
    assert (await client.get("/oidc/login")).status_code == 403


async def test_who_logs_out_here_is_sent_to_log_out_there(
    tmp_path: Path,
    house: House,
    ledger: Ledger,  # noqa: ARG001 # people must be there first
) -> None:
    told = replace(settings(tmp_path), sign_on=of(house))
    entrance, app = Entrance(told), FastAPI()
    LoginPages(told, entrance, b"k" * 32).serve_on(app)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=ADDRESS) as client:
        await came(client, house)
        token = client.cookies.get("culturewatch") or ""
        session = entrance.sessions.find(token, wall_ms())
        assert session is not None
        left = await client.post("/logout", data={"nonce": session.form}, headers=OURS)
        assert entrance.sessions.find(token, wall_ms()) is None
    there = f"{house.issuer}/goodbye?client_id={CLIENT}&amp;post_logout_redirect_uri="
    assert f'http-equiv="refresh" content="0; url={there}' in left.text
    assert "culturewatch" not in client.cookies


async def test_an_answer_without_end_is_cut(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.oidc.provider.LARGEST", 100)
    flow = Flows().begin("/now", 0)
    with pytest.raises(Exception, match="answers more than 100 bytes"):
        await Provider(of(house)).way_there(flow)
