"""Every token, answer and way back that is not what it must be lets nobody in."""

import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from batches.ledger import Ledger
from batches.person import UNKNOWN
from tests.unit.console.lab import ADDRESS
from tests.unit.console.oidc_house import CLIENT, House
from tests.unit.console.sign_on.coming import CODE, back_from, came, entered

pytestmark = pytest.mark.long


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
