"""What Twilio posts: its signature, by the vectors of its own libraries; its forms, as documented.

Vectors: twilio/twilio-python, tests/unit/test_request_validator.py, and twilio.com/docs/usage/
security. Forms: twilio.com/docs/messaging/guides/track-outbound-message-status,
twilio.com/docs/voice/api/call-resource#statuscallback, twilio.com/docs/voice/twiml/gather.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.notify.twilio_callback import (
    RETRIED,
    Heard,
    KeyPress,
    Reply,
    Signatures,
    call_status,
    key_press,
    message_status,
    reply,
    signature,
)

URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = [
    ("CallSid", "CA1234567890ABCDE"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
    ("Caller", "+14158675309"),
]
SIGNED = "RSOYDt4T1cUTdK1PDd93/VVr8B8="
TWILIO = Signatures("12345")


def test_the_signature_is_twilios() -> None:
    assert signature("12345", URL, FORM) == SIGNED


def test_a_name_that_stands_twice_is_signed_as_twilio_signs_it() -> None:
    form = [("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234")]
    assert signature("12345", URL, form) == "IK+Dwps556ElfBT0I3Rgjkr1wJU="


@pytest.mark.parametrize(
    ("given_signature", "url"),
    [
        pytest.param(SIGNED, URL, id="as documented"),
        pytest.param(SIGNED, URL.replace(".com", ".com:1234"), id="https without our port"),
        pytest.param("kvajT1Ptam85bY51eRf/AJRuM3w=", URL, id="https with 443"),
        pytest.param(
            "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=",
            URL.replace("https", "http").replace(".com", ".com:1234"),
            id="http with our port",
        ),
        pytest.param(
            "0ZXoZLH/DfblKGATFgpif+LLRf4=", URL.replace("https", "http"), id="http with 80"
        ),
    ],
)
def test_a_port_may_be_signed_or_not(given_signature: str, url: str) -> None:
    assert TWILIO.holds(given_signature, url, FORM)


def test_overrides_may_be_signed_or_not() -> None:
    assert TWILIO.holds(signature("12345", URL + RETRIED, FORM), URL, FORM)


@pytest.mark.parametrize(
    ("given_signature", "url", "form"),
    [
        pytest.param("", URL, FORM, id="none"),
        pytest.param("nonsense", URL, FORM, id="no signature"),
        pytest.param("säge", URL, FORM, id="not ASCII"),
        pytest.param(SIGNED.swapcase(), URL, FORM, id="another one"),
        pytest.param(SIGNED, URL + "&x=1", FORM, id="another URL"),
        pytest.param(SIGNED, URL, FORM[:-1], id="a field left out"),
        pytest.param(SIGNED, URL, [*FORM, ("A", "")], id="a field added"),
        pytest.param(SIGNED, URL, [*FORM[:1], ("Digits", "1"), *FORM[2:]], id="a field changed"),
    ],
)
def test_what_twilio_did_not_sign_does_not_hold(
    given_signature: str, url: str, form: list[tuple[str, str]]
) -> None:
    assert not TWILIO.holds(given_signature, url, form)
    assert not Signatures("54321").holds(SIGNED, URL, FORM)


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=4))
def test_the_order_of_a_form_does_not_matter(form: list[tuple[str, str]]) -> None:
    clean = [
        (n.encode("utf-8", "ignore").decode(), v.encode("utf-8", "ignore").decode())
        for n, v in form
    ]
    assert signature("12345", URL, clean) == signature("12345", URL, clean[::-1])


def test_the_token_is_shown_to_nobody() -> None:
    assert "12345" not in repr(TWILIO)


@pytest.mark.parametrize("status", ["accepted", "queued", "sending", "sent", "receiving", ""])
def test_a_message_on_its_way_is_no_receipt(status: str) -> None:
    assert message_status({"MessageSid": "SM1", "MessageStatus": status}) is None


@pytest.mark.parametrize("status", ["delivered", "read"])
def test_a_message_that_arrived_is_one(status: str) -> None:
    assert message_status({"MessageSid": "SM1", "MessageStatus": status}) == Heard(
        provider_id="SM1", delivered=True
    )


@pytest.mark.parametrize(
    ("status", "code", "note"),
    [
        ("undelivered", "30003", "undelivered: 30003 the phone is off or out of reach"),
        ("undelivered", "30005", "undelivered: 30005 the number is unknown or not in service"),
        ("undelivered", "30007", "undelivered: 30007 a carrier filtered the message out"),
        (
            "failed",
            "30450",
            "failed: 30450 held by fraud protection for up to 30 min; put it on the safe list",
        ),
        ("failed", "12345", "failed: 12345, see twilio.com/docs/api/errors/12345"),
        ("canceled", "", "canceled"),
        ("failed", "²", "failed"),
    ],
)
def test_a_message_that_was_lost_says_why(status: str, code: str, note: str) -> None:
    form = {"MessageSid": "SM1", "MessageStatus": status, "ErrorCode": code}
    assert message_status(form) == Heard(provider_id="SM1", delivered=False, note=note)


@pytest.mark.parametrize("status", ["queued", "initiated", "ringing", "in-progress"])
def test_a_call_on_its_way_says_nothing(status: str) -> None:
    assert call_status({"CallSid": "CA1", "CallStatus": status}, asked=True) is None


@pytest.mark.parametrize("status", ["busy", "no-answer", "failed", "canceled"])
@pytest.mark.parametrize("asked", [True, False])
def test_a_call_that_was_not_taken_reached_nobody(status: str, *, asked: bool) -> None:
    heard = call_status({"CallSid": "CA1", "CallStatus": status}, asked=asked)
    assert heard == Heard(provider_id="CA1", delivered=False, note=status)


@pytest.mark.parametrize(
    ("by", "note"),
    [
        ("machine_start", "no key was pressed, answered by machine_start"),
        ("human", "no key was pressed, answered by human"),
        ("", "no key was pressed"),
    ],
)
def test_a_call_that_ends_without_a_key_reached_nobody(by: str, note: str) -> None:
    form = {"CallSid": "CA1", "CallStatus": "completed", "AnsweredBy": by}
    assert call_status(form, asked=True) == Heard(provider_id="CA1", delivered=False, note=note)


@pytest.mark.parametrize(
    ("by", "delivered"), [("human", True), ("", True), ("machine_end_beep", False), ("fax", False)]
)
def test_a_call_that_only_tells_reached_a_person(by: str, *, delivered: bool) -> None:
    form = {"CallSid": "CA1", "CallStatus": "completed", "AnsweredBy": by}
    assert call_status(form, asked=False) == Heard(provider_id="CA1", delivered=delivered)


@pytest.mark.parametrize(
    ("digits", "by", "acknowledges"),
    [
        ("1", "human", True),
        ("1", "", True),
        ("1", "unknown", True),
        ("2", "human", False),
        ("1", "machine_start", False),
        ("1", "machine_end_beep", False),
        ("1", "machine_end_silence", False),
        ("1", "machine_end_other", False),
        ("1", "fax", False),
    ],
)
def test_a_key_acknowledges_when_a_person_pressed_it(
    digits: str, by: str, *, acknowledges: bool
) -> None:
    press = key_press({"CallSid": "CA1", "Digits": digits, "AnsweredBy": by})
    assert press is not None
    assert press.acknowledges == acknowledges
    assert press == KeyPress(
        provider_id="CA1", digits=digits, machine=by.startswith("machine") or by == "fax"
    )


def test_a_call_without_keys_is_no_press() -> None:
    assert key_press({"CallSid": "CA1"}) is None
    assert key_press({"Digits": "1"}) is None


def test_a_reply_says_who_and_what() -> None:
    form = {"MessageSid": "SM9", "From": "+43660123456", "Body": " kq7gd "}
    assert reply(form) == Reply(provider_id="SM9", sender="+43660123456", text=" kq7gd ")
    assert reply({"Body": "x"}) is None
