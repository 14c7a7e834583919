"""Log in by a provider of identities: what it takes, and every lie that lets nobody in."""

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
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
from console.oidc.sign_on import SignOn
from console.oidc.why import OidcError
from storage.wall import wall_ms
from tests.unit.batches.staff import QUICK, enlist, people_of
from tests.unit.console.lab import ADDRESS, browser, ledger_of, settings
from tests.unit.console.oidc_house import CLIENT, SECRET, House, standing

OURS = {"Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"}
pytestmark = pytest.mark.long

CODE = "/oidc/callback?code=x&state=y"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batches.password.hasher", lambda: QUICK)
    # However slow this machine is, nobody gets another try meanwhile.
    monkeypatch.setattr("console.oidc.pages.REFILL_S", 3_600.0)


@pytest.fixture
def house() -> Iterator[House]:
    with standing() as found:
        yield found


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = ledger_of(tmp_path)
    enlist(ledger, {"admin": ["admin"], "anna": ["operator"]})
    return ledger


def of(house: House, **more: Any) -> SignOn:  # noqa: ANN401 # any field
    told = SignOn(
        issuer=house.issuer,
        client_id=CLIENT,
        secret=lambda: SECRET,
        public_url=ADDRESS,
        claim="sub",
        people={"anna": "u-anna", "eve": "u-eve"},
        name="the house",
    )
    return replace(told, **more)


@pytest.fixture
async def client(
    tmp_path: Path,
    house: House,
    ledger: Ledger,  # noqa: ARG001 # people must be there first
) -> AsyncIterator[httpx.AsyncClient]:
    told = replace(
        settings(tmp_path), passwords=tmp_path / "secrets" / "passwords", sign_on=of(house)
    )
    async with browser(told) as opened:
        yield opened


async def back_from(client: httpx.AsyncClient, house: House, to: str = "/alarms") -> str:
    """The path by which the provider sends a browser back."""
    gone = await client.get("/oidc/login", params={"next": to})
    assert gone.status_code == 303, gone.text
    return house.authorize(gone.headers["location"]).removeprefix(ADDRESS)


async def came(client: httpx.AsyncClient, house: House) -> httpx.Response:
    return await client.get(await back_from(client, house))


def entered(ledger: Ledger) -> list[tuple[str, str]]:
    """What the trail says of people who came by the provider: whom, outcome."""
    return [
        (line.subject, line.outcome)
        for line in ledger.trail().lines
        if line.item.startswith("http://127.0.0.1:")
    ]


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


async def test_what_is_asked_for_is_one_log_in_of_this_browser_with_proof(
    client: httpx.AsyncClient, house: House
) -> None:
    gone = await client.get("/oidc/login")
    asked = parse_qs(urlsplit(gone.headers["location"]).query)
    assert gone.headers["location"].startswith(f"{house.issuer}/authorize?")
    assert asked["redirect_uri"] == [f"{ADDRESS}/oidc/callback"]
    assert min(len(asked[name][0]) for name in ("state", "nonce", "code_challenge")) >= 43
    cookie = gone.headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax"} <= set(cookie.split("; "))
    # What the provider and its log see says nothing of what stays here.
    assert cookie.partition("=")[2].partition(";")[0] not in gone.headers["location"]


NOW = int(time.time())


@pytest.mark.parametrize(
    ("claims", "more", "reason"),
    [
        pytest.param({"nonce": "another"}, {}, "'nonce'", id="nonce of another log-in"),
        pytest.param({"nonce": None}, {}, "'nonce'", id="no nonce"),
        pytest.param(
            {"exp": NOW - 3_600, "iat": NOW - 7_200}, {}, "The token is expired", id="expired"
        ),
        pytest.param({"exp": None}, {}, "'exp'", id="without an end"),
        pytest.param({"iat": NOW + 3_600}, {}, "issued in the future", id="made in the future"),
        pytest.param({"aud": "another"}, {}, "'aud'", id="for another client"),
        pytest.param(
            {"aud": [CLIENT, "another"]}, {}, "'azp'", id="for several, without saying for whom"
        ),
        pytest.param(
            {"aud": [CLIENT, "another"], "azp": "another"}, {}, "'azp'", id="for another party"
        ),
        pytest.param({"iss": "https://elsewhere.example"}, {}, "'iss'", id="of another issuer"),
        pytest.param({"sub": None}, {}, "'sub'", id="about nobody"),
        pytest.param(
            {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}, {}, "'at_hash'", id="with another access token"
        ),
        pytest.param({}, {"alg": "none"}, "'none' is not allowed", id="signed by nobody"),
        pytest.param({}, {"alg": "HS256"}, "'HS256' is not allowed", id="signed by what all know"),
        pytest.param(
            {},
            {"signs_with": "stolen", "kid": "first"},
            "bad_signature",
            id="signed by another key",
        ),
        pytest.param(
            {}, {"kid": "unlisted"}, "No key for kid", id="signed by a key that is not listed"
        ),
    ],
)
async def test_a_token_that_is_not_what_it_must_be_lets_nobody_in(  # noqa: PLR0917 # fixtures
    client: httpx.AsyncClient,
    house: House,
    ledger: Ledger,
    claims: dict[str, Any],
    more: dict[str, str],
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    house.claims = claims
    for name, value in more.items():
        setattr(house, name, value)
    back = await came(client, house)
    assert back.status_code == 403
    assert "what the provider said could not be verified" in back.text
    assert "culturewatch" not in {one.name for one in client.cookies.jar}
    assert reason in caplog.text
    ((whom, outcome),) = entered(ledger)
    assert whom == UNKNOWN
    assert outcome.startswith("what the provider said could not be verified")


async def test_keys_that_the_provider_has_changed_are_fetched_again(
    client: httpx.AsyncClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.oidc.provider.KEYS_AGAIN_S", 0.0)
    assert (await came(client, house)).status_code == 200
    house.keys, house.signs_with = ["second"], "second"
    assert (await came(client, house)).status_code == 200
    assert house.asked.count("/jwks") == 2


async def test_a_key_that_is_changed_under_the_same_name_is_fetched_again(
    client: httpx.AsyncClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("console.oidc.provider.KEYS_AGAIN_S", 0.0)
    assert (await came(client, house)).status_code == 200
    house.keys, house.signs_with = ["second"], "second"
    house.kid, house.listed_as = "first", {"second": "first"}
    assert (await came(client, house)).status_code == 200


async def test_a_key_that_the_provider_has_withdrawn_lets_nobody_in_for_long(
    client: httpx.AsyncClient, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await came(client, house)).status_code == 200
    house.keys = ["second"]
    assert (await came(client, house)).status_code == 200
    monkeypatch.setattr("console.oidc.provider.KEYS_LAST_S", 0.0)
    assert (await came(client, house)).status_code == 403


async def test_an_answer_counts_once(
    client: httpx.AsyncClient, house: House, ledger: Ledger
) -> None:
    path = await back_from(client, house)
    assert (await client.get(path)).status_code == 200
    again = await client.get(path)
    assert again.status_code == 403
    assert "belongs to no log-in begun here" in again.text
    assert [whom for whom, _ in entered(ledger)] == ["anna", UNKNOWN]


async def test_a_code_that_was_used_elsewhere_lets_nobody_in(
    client: httpx.AsyncClient, house: House, caplog: pytest.LogCaptureFixture
) -> None:
    path = await back_from(client, house)
    house.codes.clear()
    back = await client.get(path)
    assert (back.status_code, "did not let you in" in back.text) == (403, True)
    assert "'invalid_grant'" in caplog.text
    assert "hush" not in caplog.text


async def test_a_code_of_another_log_in_lets_nobody_in(
    client: httpx.AsyncClient, house: House
) -> None:
    """Somebody's code, put into the way back of another browser: PKCE says no."""
    stolen = parse_qs(urlsplit(await back_from(client, house)).query)["code"][0]
    mine = parse_qs(urlsplit(await back_from(client, house)).query)["state"][0]
    back = await client.get("/oidc/callback", params={"code": stolen, "state": mine})
    assert (back.status_code, "did not let you in" in back.text) == (403, True)


async def test_a_way_back_that_another_browser_began_lets_nobody_in(
    client: httpx.AsyncClient, house: House
) -> None:
    path = await back_from(client, house)
    client.cookies.clear()
    assert (await client.get(path)).status_code == 403
    assert (await client.get(CODE)).status_code == 403


async def test_an_answer_of_another_provider_lets_nobody_in(
    client: httpx.AsyncClient, house: House
) -> None:
    path = await back_from(client, house)
    back = await client.get(f"{path}&iss=https%3A%2F%2Felsewhere.example")
    assert back.status_code == 403


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
