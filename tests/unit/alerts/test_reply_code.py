"""Codes that acknowledge by a reply: bound to one page, and hard to guess."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.delivery import Delivery
from alerts.notice import Notice
from alerts.reader import SentPage
from alerts.reply_code import ALPHABET, LENGTH, Attempts, ReplyCodes, Wrong
from alerts.token import AckClaim

CODES = ReplyCodes(b"k" * 32)
NOON = 1_767_614_400_000
DAY = 24 * 3_600_000
BOUND = {
    "message": "page-7-1767614400000",
    "person": "A",
    "rule": "hot",
    "occurrence": 3,
    "severity": "critical",
}


def made(**other: object) -> str:
    return CODES.make(**(BOUND | other))  # type: ignore[arg-type] # of this file


def paged(row: int = 7, *, queued: int = NOON, rule: str = "hot") -> SentPage:
    return SentPage(
        row=row,
        notice=Notice.PAGE,
        rule=rule,
        occurrence=3,
        severity="critical",
        person="A",
        channel="sms",
        state=Delivery.ACCEPTED,
        arrived=NOON,
        queued=queued,
        handed=queued,
        tries=1,
        may_repeat=False,
        over="",
        error="",
        subject="",
    )


def test_a_code_is_short_and_has_no_letters_that_look_alike() -> None:
    assert len(made()) == LENGTH == 5
    assert set(made()) <= set(ALPHABET)
    assert not set("AEIOU01258BSL") & set(ALPHABET)
    assert len(ALPHABET) ** LENGTH > 5_000_000


@pytest.mark.parametrize(
    "other",
    [
        {"message": "page-8-1767614400000"},
        {"person": "B"},
        {"rule": "cold"},
        {"occurrence": 4},
        {"severity": "high"},
    ],
)
def test_a_code_is_bound_to_all_that_it_acknowledges(other: dict[str, object]) -> None:
    assert made(**other) != made()


def test_another_site_has_other_codes() -> None:
    assert ReplyCodes(b"l" * 32).make(**BOUND) != made()  # type: ignore[arg-type] # of this file


@pytest.mark.parametrize(
    "text", ["{}", "{} ", "ack {}", "OK, {}!", "\n{}\nSent from my phone", "code:{}."]
)
@pytest.mark.parametrize("lower", [True, False])
def test_a_reply_acknowledges_the_page_whose_code_it_has(text: str, *, lower: bool) -> None:
    code = made().lower() if lower else made()
    pages = [paged(9), paged(8, rule="cold"), paged(7)]
    found = CODES.find(text.format(code), pages, now=NOON + 60_000)
    assert found == AckClaim(
        id=f"7-{NOON}", person="A", rule="hot", occurrence=3, severity="critical", via="sms"
    )
    assert isinstance(found, AckClaim)
    command = found.command(NOON)
    assert (command.id, command.via) == (f"sms-7-{NOON}", "sms")
    assert command.arguments == {"occurrence": "3", "severity": "critical"}


@pytest.mark.parametrize("text", ["", "yes", "ok thanks", "ready", "\x00", "1" * 5, "STOP"])
def test_a_reply_without_a_code_acknowledges_nothing(text: str) -> None:
    assert CODES.find(text, [paged()], now=NOON) is Wrong.NO_CODE


def test_a_code_that_was_never_sent_acknowledges_nothing() -> None:
    assert CODES.find("XXXXX", [paged()], now=NOON) is Wrong.UNKNOWN


def test_a_code_expires() -> None:
    assert isinstance(CODES.find(made(), [paged()], now=NOON + DAY - 1), AckClaim)
    assert CODES.find(made(), [paged()], now=NOON + DAY) is Wrong.EXPIRED
    # The clock was set back by a lot since: better a new message than an old code.
    assert CODES.find(made(), [paged()], now=NOON - 1) is Wrong.EXPIRED


def test_a_code_of_somebody_else_is_unknown() -> None:
    assert CODES.find(made(person="B"), [paged()], now=NOON) is Wrong.UNKNOWN


@given(st.text())
def test_no_text_breaks_it(text: str) -> None:
    assert CODES.find(text, [paged()], now=NOON) in (Wrong.NO_CODE, Wrong.UNKNOWN)


def test_wrong_codes_are_bounded_and_then_forgotten() -> None:
    now = 0.0
    attempts = Attempts(lambda: now)
    for _ in range(5):
        assert attempts.allowed("+43")
        attempts.count("+43")
        now += 10
    assert not attempts.allowed("+43")
    assert attempts.allowed("+44")
    now = 899.0
    assert not attempts.allowed("+43")
    now = 900.0
    assert attempts.allowed("+43")
