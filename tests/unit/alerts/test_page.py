"""The words of a message."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from alerts.directory import Way
from alerts.dispatch import Claim
from alerts.notice import Notice
from alerts.page import SUBJECT_LENGTH, Composer
from alerts.transition import Transition, What
from tests.unit.alerts.desk import (  # a test's own
    CHANNELS,
    NOON,
    RULE,
    directory,
)


def claim(
    notice: Notice = Notice.PAGE,
    *,
    what: What = What.QUEUED,
    person: str = "A",
    told_before: tuple[str, ...] = (),
    why: str = "",
    may_repeat: bool = False,
    transition_why: str = "",
    value: float | None = 38.1,
    by: str = "",
) -> Claim:
    return Claim(
        row=7,
        attempt="x",
        notice=notice,
        rule=RULE.id,
        occurrence=1,
        severity="critical",
        way=Way(person, "mail"),
        tries=1,
        may_repeat=may_repeat,
        arrived=NOON,
        why=why,
        told_before=told_before,
        transition=Transition(
            at=NOON + 300_000,
            what=what,
            rule=RULE.id,
            channel=RULE.channel,
            occurrence=1,
            severity="critical",
            since=NOON,
            value=value,
            why=transition_why,
            by=by,
        ),
    )


def composer(**more: object) -> Composer:
    return Composer(directory(), CHANNELS, **more)  # type: ignore[arg-type] # of the caller


def test_a_page_says_what_why_and_what_to_do() -> None:
    message = composer(
        at_risk=lambda device: [f"B-2026-0001 of patient 12 in {device}, shelf 2", "B-2026-0007"],
        place_of={"inc1": "Incubator 1, Culture room"}.__getitem__,
        link_of=lambda c: f"https://watch.lab.example/ack/for-{c.way.person}",
        zone=ZoneInfo("Europe/Berlin"),
    ).compose(claim())
    assert message.subject == "CRITICAL inc1.temperature 38.10 °C (limit ≥ 38.00 °C)"
    assert message.text == (
        "CRITICAL inc1.temperature 38.10 °C (limit ≥ 38.00 °C)\n"
        "\n"
        "What: inc1-temp-high on inc1.temperature\n"
        "Where: Incubator 1, Culture room\n"
        "Value: 38.10 °C\n"
        "Limit: ≥ 38.00 °C\n"
        "Since: 2026-01-05 13:00:00 CET\n"
        "Cause: door open, heater stuck\n"
        "If nothing is done: cells die above 39 °C\n"
        "Do now: close the door; move the plates to inc2\n"
        "Within: 30m\n"
        "At risk: \n"
        "  - B-2026-0001 of patient 12 in inc1, shelf 2\n"
        "  - B-2026-0007\n"
        "\n"
        "Acknowledge (opens a page with a button):\n"
        "https://watch.lab.example/ack/for-A\n"
    )
    assert message.link == "https://watch.lab.example/ack/for-A"
    assert (message.address, message.id, message.kind) == ("a@x", f"page-7-{NOON}", "page")


def test_a_row_of_another_store_is_another_message() -> None:
    # Providers drop a Message-ID or an idempotency key that they have seen.
    elsewhere = replace(claim(), arrived=NOON + 1)
    assert composer().compose(claim()).id == composer().compose(replace(claim(), tries=2)).id
    assert composer().compose(claim()).id != composer().compose(elsewhere).id


def test_who_is_told_second_is_told_why() -> None:
    message = composer().compose(claim(person="B", told_before=("A",)))
    assert "You are told because: Ada did not acknowledge" in message.text
    other = composer().compose(claim(person="B", why="Ada could not be reached by mail"))
    assert "You are told because: Ada could not be reached by mail" in other.text


def test_without_a_link_the_command_is_named() -> None:
    message = composer().compose(claim())
    assert "culturewatch alarm ack inc1-temp-high" in message.text
    assert message.link == ""


@pytest.mark.parametrize(
    ("notice", "what", "subject"),
    [
        (Notice.ALL_CLEAR, What.ALL_CLEAR, "All clear: inc1.temperature 38.10 °C"),
        (Notice.CLOSED, What.CLOSED, "Closed: inc1.temperature limit edited by Ada"),
        (Notice.CORRECTION, What.CORRECTION, "Correction: inc1.temperature limit edited by Ada"),
        (Notice.NEWS, What.NOTICE, "News: inc1.temperature limit edited by Ada"),
    ],
)
def test_news_is_told_from_a_page_at_its_first_word_and_carries_no_link(
    notice: Notice, what: What, subject: str
) -> None:
    message = composer(link_of=lambda _: "https://x/ack").compose(
        claim(notice, what=what, transition_why="limit edited by Ada")
    )
    assert message.subject == subject
    assert message.link == ""
    assert "Acknowledge" not in message.text + message.html


def test_what_may_be_a_repeat_says_so_first() -> None:
    message = composer().compose(claim(may_repeat=True))
    assert message.subject.startswith("(repeat?) CRITICAL")
    assert "may be a repeat" in message.text
    assert "may be a repeat" in message.html
    assert message.may_repeat


def test_absence_is_not_shown_as_a_number() -> None:
    message = composer().compose(claim(value=None, transition_why="no answer for 30s"))
    assert "Value:" not in message.text
    assert "no answer for 30s" in message.text


def test_what_people_typed_stays_text_in_html() -> None:
    message = composer(
        at_risk=lambda _: ["<script>alert(1)</script>"],
        link_of=lambda _: "https://x/ack?a=1&b='2'",
    ).compose(claim(transition_why="<b>bold</b> & 'quoted'"))
    assert "<script>" not in message.html
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; &#x27;quoted&#x27;" in message.html
    assert "href='https://x/ack?a=1&amp;b=&#x27;2&#x27;'" in message.html


@given(st.text(max_size=300))
def test_a_subject_is_one_short_line_whatever_was_typed(why: str) -> None:
    message = composer().compose(claim(Notice.NEWS, what=What.NOTICE, transition_why=why))
    assert len(message.subject) <= SUBJECT_LENGTH
    assert message.subject.isprintable()
