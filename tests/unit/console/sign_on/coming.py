"""A browser that goes to the provider and comes back."""

from typing import Any

import httpx
from msgspec.structs import replace

from batches.ledger import Ledger
from console.oidc.sign_on import SignOn
from tests.unit.console.lab import ADDRESS
from tests.unit.console.oidc_house import CLIENT, SECRET, House

OURS = {"Origin": ADDRESS, "Sec-Fetch-Site": "same-origin"}
CODE = "/oidc/callback?code=x&state=y"


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
