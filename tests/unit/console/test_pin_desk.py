"""A person's own PIN from the console: with their password, in the trail, read by nobody."""

from pathlib import Path

import pytest

from batches.ledger import Ledger
from batches.password import Passwords
from console.entrance import Entrance
from console.orders import Became
from console.pin_desk import NO_LINKS, NOT_THE_SAME, PinDesk
from console.pins import Pins, Verdict
from tests.unit.batches.staff import PASSWORD, QUICK, enlist, folder
from tests.unit.console.lab import ledger_of, settings
from tests.unit.console.test_orders import visitor
from tests.unit.console.test_people_desk import files_with

pytestmark = pytest.mark.long

HERE = "192.0.2.1"
OWN = f"{PASSWORD} of one's own"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batches.password.hasher", lambda: QUICK)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = ledger_of(tmp_path)
    people = enlist(ledger, {"admin": ["admin"], "olga": ["operator"], "sue": ["supervisor"]})
    for person in ("olga", "sue"):
        people.change_password(person, PASSWORD, OWN)
    return ledger


@pytest.fixture
def pins(tmp_path: Path) -> Pins:
    return Pins(tmp_path / "pins", hasher=QUICK)


@pytest.fixture
def desk(tmp_path: Path, ledger: Ledger, pins: Pins) -> PinDesk:
    passwords = Passwords(folder(ledger), with_hasher=QUICK)
    entrance = Entrance(settings(tmp_path), passwords=passwords)
    return PinDesk(pins, entrance, frozenset({"olga", "sue"}))


def noted(ledger: Ledger) -> list[tuple[str, str, str]]:
    return [
        (line.by, line.subject, line.outcome) for line in ledger.trail().lines if line.item == "pin"
    ]


async def test_who_types_their_password_chooses_a_pin_and_takes_it_away(
    tmp_path: Path, ledger: Ledger, desk: PinDesk, pins: Pins
) -> None:
    olga = visitor(ledger, "olga")
    assert (await desk.choose(olga, OWN, "4711", "4711", address=HERE)).became is Became.DONE
    assert await desk.has_pin(olga)
    assert pins.check("olga", "4711") is Verdict.RIGHT
    assert not await desk.has_pin(visitor(ledger, "sue"))
    assert not files_with(tmp_path, "4711")
    assert (await desk.forget(olga, OWN, address=HERE)).became is Became.DONE
    assert not await desk.has_pin(olga)
    assert noted(ledger) == [("olga", "olga", "given"), ("olga", "olga", "taken away")]


async def test_a_session_alone_changes_no_pin(ledger: Ledger, desk: PinDesk, pins: Pins) -> None:
    pins.keep("olga", "2112")
    olga = visitor(ledger, "olga")
    refused = await desk.choose(olga, "not hers", "4711", "4711", address=HERE)
    assert refused.became is Became.REFUSED
    assert (await desk.forget(olga, "", address=HERE)).became is Became.REFUSED
    assert pins.check("olga", "2112") is Verdict.RIGHT
    assert noted(ledger) == []


async def test_tries_from_one_address_have_an_end(ledger: Ledger, desk: PinDesk) -> None:
    olga = visitor(ledger, "olga")
    tries = [await desk.choose(olga, "guess", "4711", "4711", address=HERE) for _ in range(12)]
    assert tries[-1].why.startswith("there were too many tries from your address")


@pytest.mark.parametrize(
    ("pin", "again", "why"),
    [
        ("4711", "4712", NOT_THE_SAME),
        ("471", "471", "4 to 64 characters"),
        ("1111", "1111", "one character again and again"),
    ],
)
async def test_what_can_be_no_pin_costs_no_try(
    ledger: Ledger, desk: PinDesk, pin: str, again: str, why: str
) -> None:
    refused = await desk.choose(visitor(ledger, "olga"), OWN, pin, again, address=HERE)
    assert refused.became is Became.REFUSED
    assert why in refused.why


async def test_whom_no_message_reaches_needs_none(ledger: Ledger, desk: PinDesk) -> None:
    refused = await desk.choose(visitor(ledger, "admin"), PASSWORD, "4711", "4711", address=HERE)
    assert (refused.became, refused.why) == (Became.REFUSED, NO_LINKS)


async def test_a_pin_that_cannot_be_written_is_not_kept_and_the_one_before_is_good(
    tmp_path: Path, ledger: Ledger
) -> None:
    (tmp_path / "pins").write_text("in the way", encoding="utf-8")
    passwords = Passwords(folder(ledger), with_hasher=QUICK)
    entrance = Entrance(settings(tmp_path), passwords=passwords)
    desk = PinDesk(Pins(tmp_path / "pins", hasher=QUICK), entrance, frozenset({"olga"}))
    ordered = await desk.choose(visitor(ledger, "olga"), OWN, "4711", "4711", address=HERE)
    assert ordered.became is Became.NOT_KEPT
    assert "cannot be written" in ordered.why
    assert [outcome for _, _, outcome in noted(ledger)] == ["given", "not kept"]


async def test_a_pin_that_cannot_be_taken_away_is_not_noted_as_gone(
    tmp_path: Path, ledger: Ledger, desk: PinDesk
) -> None:
    (tmp_path / "pins" / "olga.pin").mkdir(parents=True)
    olga = visitor(ledger, "olga")
    ordered = await desk.forget(olga, OWN, address=HERE)
    assert ordered.became is Became.NOT_KEPT
    assert "cannot be taken away" in ordered.why
    assert await desk.has_pin(olga)
    assert [outcome for _, _, outcome in noted(ledger)] == ["taken away", "not kept"]
