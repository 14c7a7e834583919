"""Links that acknowledge."""

import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from itsdangerous import URLSafeTimedSerializer

from alerts.summary import Seen
from alerts.token import AckAllClaim, AckClaim, KeyFileError, Reason, TokenDesk, load_key
from storage.entry import Command

KEY = b"k" * 32


def never(_: str) -> bool:
    return False


def desk(key: bytes = KEY, used: Callable[[str], bool] = never, max_age_s: int = 60) -> TokenDesk:
    return TokenDesk(key, used=used, max_age_s=max_age_s)


def make(desk: TokenDesk) -> str:
    return desk.make(person="A", rule="inc1-temp-high", occurrence=2, severity="critical")


def test_a_link_says_who_saw_which_occurrence_at_which_severity() -> None:
    claim = desk().verify(make(desk()))
    assert isinstance(claim, AckClaim)
    assert (claim.person, claim.rule, claim.occurrence, claim.severity) == (
        "A",
        "inc1-temp-high",
        2,
        "critical",
    )


def test_a_link_becomes_the_command_that_the_engine_knows() -> None:
    claim = desk().verify(make(desk()))
    assert isinstance(claim, AckClaim)
    assert claim.command(1_000, note="on my way") == Command(
        id=f"link-{claim.id}",
        at=1_000,
        by="A",
        verb="ack",
        target="inc1-temp-high",
        via="link",
        arguments={"occurrence": "2", "severity": "critical", "note": "on my way"},
    )


def test_pressing_twice_makes_one_command_and_two_links_make_two() -> None:
    token, other = make(desk()), make(desk())
    first, second, third = (desk().verify(t) for t in (token, token, other))
    assert isinstance(first, AckClaim)
    assert isinstance(second, AckClaim)
    assert isinstance(third, AckClaim)
    assert first.command_id == second.command_id != third.command_id


def test_a_link_that_was_used_is_refused() -> None:
    token = make(desk())
    claim = desk().verify(token)
    assert isinstance(claim, AckClaim)
    assert desk(used={claim.command_id}.__contains__).verify(token) is Reason.USED


def test_an_expired_link_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    token = make(desk(max_age_s=60))
    later = time.time() + 62
    monkeypatch.setattr("time.time", lambda: later)
    assert desk(max_age_s=60).verify(token) is Reason.EXPIRED


@pytest.mark.parametrize(("back_s", "counts"), [(1, True), (3_600, True), (7_300, False)])
def test_a_clock_that_was_set_back_does_not_use_up_fresh_links(
    monkeypatch: pytest.MonkeyPatch, back_s: int, *, counts: bool
) -> None:
    token = make(desk(max_age_s=7_200))
    earlier = time.time() - back_s
    monkeypatch.setattr("time.time", lambda: earlier)
    assert isinstance(desk(max_age_s=7_200).verify(token), AckClaim) is counts


def test_a_link_signed_with_another_key_is_forged() -> None:
    assert desk().verify(make(desk(b"x" * 32))) is Reason.FORGED


def test_a_signature_made_for_another_purpose_is_forged() -> None:
    other = URLSafeTimedSerializer(KEY, salt="reset password")
    assert desk().verify(str(other.dumps(["id", "A", "r", 1, "high"]))) is Reason.FORGED


TOKEN = make(desk())


@given(st.integers(0, len(TOKEN) - 1), st.sampled_from("aZ0-_.=!"))
def test_a_link_changed_anywhere_counts_for_nothing(at: int, letter: str) -> None:
    changed = TOKEN[:at] + letter + TOKEN[at + 1 :]
    judged = desk().verify(changed)
    # The last letter of base64 holds spare bits: another spelling of the same signature.
    assert changed == TOKEN or judged is Reason.FORGED or at == len(TOKEN) - 1


@given(st.text(max_size=200))
def test_any_other_text_is_forged(text: str) -> None:
    assert desk().verify(text) is Reason.FORGED


def test_the_key_is_made_on_the_first_run_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "data" / "link.key"
    key = load_key(path, {})
    assert len(key) >= 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_key(path, {}) == key
    assert [p.name for p in path.parent.iterdir()] == ["link.key"]


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "link.key"
    load_key(path, {})
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="chmod 600"):
        load_key(path, {})


def test_a_short_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "link.key"
    path.write_text("short")
    path.chmod(0o600)
    with pytest.raises(KeyFileError, match="remove the file"):
        load_key(path, {})
    with pytest.raises(KeyFileError, match="too short"):
        load_key(path, {"CULTUREWATCH_TOKEN_KEY": "short"})


def test_the_environment_may_give_the_key(tmp_path: Path) -> None:
    path = tmp_path / "link.key"
    assert load_key(path, {"CULTUREWATCH_TOKEN_KEY": "e" * 40}) == b"e" * 40
    assert not path.exists()


def test_a_link_of_a_summary_says_who_was_sent_which_list() -> None:
    claim = desk().verify(desk().make_all(person="A", summary=7, arrived=1_000))
    assert isinstance(claim, AckAllClaim)
    assert (claim.person, claim.summary, claim.arrived) == ("A", 7, 1_000)
    pages = (
        Seen(row=4, rule="inc1-hot", occurrence=2, severity="critical"),
        Seen(row=5, rule="inc2-hot", occurrence=9, severity="high"),
    )
    first, second = claim.each(pages)
    assert first.command(1_000, note="all of it") == Command(
        id=f"link-{claim.id}-4",
        at=1_000,
        by="A",
        verb="ack",
        target="inc1-hot",
        via="link",
        arguments={"occurrence": "2", "severity": "critical", "note": "all of it"},
    )
    assert second.command_id == f"link-{claim.id}-5"


def test_a_link_of_a_summary_is_as_hard_to_forge() -> None:
    token = desk().make_all(person="A", summary=7, arrived=1_000)
    assert desk(b"x" * 32).verify(token) is Reason.FORGED
    assert desk().verify(token[:-3] + "abc") is Reason.FORGED
    other = URLSafeTimedSerializer(KEY, salt="reset password")
    assert desk().verify(str(other.dumps(["id", "A", 7, 1_000]))) is Reason.FORGED
