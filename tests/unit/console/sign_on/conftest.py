"""A console whose people log in by a provider, and that provider."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from batches.ledger import Ledger
from tests.unit.batches.staff import QUICK, enlist
from tests.unit.console.lab import browser, ledger_of, settings
from tests.unit.console.oidc_house import House, standing
from tests.unit.console.sign_on.coming import of


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
