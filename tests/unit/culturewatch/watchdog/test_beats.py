"""Which posts count as beats."""

import hashlib
import hmac
import json

import pytest

from culturewatch.watchdog.beats import Ear, Refused

NOW_S = 1_767_614_400
SECRET = "a secret of the site and the watchdog"  # noqa: S105 # of this test


def body(sequence: int = 1, *, run: int = 5, site: str = "lab", **more: object) -> bytes:
    beat = {"site": site, "at": NOW_S * 1000, "run": run, "sequence": sequence, "every_ms": 30_000}
    return json.dumps(beat | {"journal": True, "engine": True, "outbox": True} | more).encode()


def signed(text: bytes, timestamp: str, secret: str = SECRET) -> str:
    # Over timestamp, a dot and the body, as the webhooks are.
    digest = hmac.new(secret.encode(), timestamp.encode() + b"." + text, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


def judged(ear: Ear, text: bytes, *, age_s: int = 0, secret: str = SECRET) -> int:
    timestamp = str(NOW_S - age_s)
    beat = ear.judge(text, timestamp=timestamp, signed=signed(text, timestamp, secret), now_s=NOW_S)
    return beat.sequence


@pytest.fixture
def ear() -> Ear:
    return Ear({"lab": SECRET})


def test_a_signed_one_counts_and_so_does_the_next(ear: Ear) -> None:
    assert [judged(ear, body(n)) for n in (1, 2, 5)] == [1, 2, 5]


def test_after_a_restart_it_counts_from_one_again(ear: Ear) -> None:
    judged(ear, body(900))
    assert judged(ear, body(1, run=6)) == 1


def test_a_copy_does_not_count_also_not_of_an_earlier_run(ear: Ear) -> None:
    judged(ear, body(7))
    judged(ear, body(1, run=6))
    for copy in (body(7), body(6), body(1, run=6)):
        with pytest.raises(Refused, match="heard before"):
            judged(ear, copy)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"{}", "this is no beat"),
        (b"\xff\x00", "this is no beat"),
        (b'{"x": ' + b"[" * 9_000, "this is no beat"),
        (body(site="elsewhere"), "a site of that name is not watched"),
        (body(engine=False), "not well"),
    ],
)
def test_what_is_no_beat_of_a_site_that_is_well_does_not_count(
    ear: Ear, text: bytes, why: str
) -> None:
    with pytest.raises(Refused, match=why):
        judged(ear, text)


def test_another_signature_does_not_count_and_uses_up_nothing(ear: Ear) -> None:
    with pytest.raises(Refused, match="the signature is wrong"):
        judged(ear, body(5), secret="another secret that is long enough")  # noqa: S106 # guards nothing
    assert judged(ear, body(5)) == 5


@pytest.mark.parametrize(("age_s", "counts"), [(299, True), (-299, True), (301, False)])
def test_an_old_one_does_not_count(ear: Ear, age_s: int, *, counts: bool) -> None:
    if counts:
        assert judged(ear, body(), age_s=age_s) == 1
    else:
        with pytest.raises(Refused, match="its clock and ours are 301 s apart") as refused:
            judged(ear, body(), age_s=age_s)
        assert refused.value.site == "lab"
