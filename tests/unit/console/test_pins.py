"""A person's PIN: kept as a hash, asked for where there is one, locked after five wrong ones."""

from pathlib import Path

import pytest
from argon2 import PasswordHasher

from console.pins import LOCKED_S, PinError, Pins, Verdict


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pins(tmp_path: Path, clock: Clock) -> Pins:
    # As cheap as argon2 can be: what is tried here is not how long it takes.
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    return Pins(tmp_path / "pins", now_s=clock, hasher=quick)


def test_who_has_none_is_not_asked(pins: Pins) -> None:
    assert not pins.asks("oncall")
    pins.keep("oncall", "4711")
    assert pins.asks("oncall")
    assert not pins.asks("lead")


def test_only_the_right_one_is_right(pins: Pins) -> None:
    pins.keep("oncall", "4711")
    pins.keep("lead", "0815")
    assert pins.check("oncall", "4711") is Verdict.RIGHT
    assert pins.check("oncall", "0815") is Verdict.WRONG
    assert pins.check("oncall", "") is Verdict.WRONG


def test_neither_the_pin_nor_the_file_can_be_read_by_others(pins: Pins, tmp_path: Path) -> None:
    pins.keep("oncall", "4711")
    (file,) = (tmp_path / "pins").iterdir()
    assert "4711" not in file.read_text()
    assert file.read_text().startswith("$argon2id$")
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_new_one_replaces_the_one_before(pins: Pins, tmp_path: Path) -> None:
    pins.keep("oncall", "4711")
    pins.keep("oncall", "2112")
    assert pins.check("oncall", "4711") is Verdict.WRONG
    assert pins.check("oncall", "2112") is Verdict.RIGHT
    assert len(list((tmp_path / "pins").iterdir())) == 1


def test_five_wrong_ones_lock_it_for_a_quarter_of_an_hour(pins: Pins, clock: Clock) -> None:
    pins.keep("oncall", "4711")
    pins.keep("lead", "0815")
    for _ in range(5):
        assert pins.check("oncall", "1234") is Verdict.WRONG
    assert pins.check("oncall", "4711") is Verdict.LOCKED
    assert pins.check("lead", "0815") is Verdict.RIGHT
    clock.now_s = LOCKED_S
    assert pins.check("oncall", "4711") is Verdict.RIGHT


def test_the_right_one_begins_the_count_anew(pins: Pins) -> None:
    pins.keep("oncall", "4711")
    for _ in range(3):
        for _ in range(4):
            pins.check("oncall", "1234")
        assert pins.check("oncall", "4711") is Verdict.RIGHT


@pytest.mark.parametrize("pin", ["", "123", "1111", "a" * 65, "12\n34"])
def test_what_is_no_pin_is_refused(pins: Pins, pin: str) -> None:
    with pytest.raises(PinError):
        pins.keep("oncall", pin)
    assert not pins.asks("oncall")


def test_a_damaged_file_lets_nobody_in(pins: Pins, tmp_path: Path) -> None:
    pins.keep("oncall", "4711")
    (tmp_path / "pins" / "oncall.pin").write_text("nonsense")
    assert pins.check("oncall", "4711") is Verdict.UNREADABLE


def test_one_that_cannot_be_taken_away_is_said_and_asked_for_as_before(
    pins: Pins, tmp_path: Path
) -> None:
    (tmp_path / "pins" / "oncall.pin").mkdir(parents=True)
    with pytest.raises(PinError, match=r"oncall\.pin: cannot be taken away: "):
        pins.forget("oncall")
    assert pins.asks("oncall")


def test_it_can_be_taken_away(pins: Pins) -> None:
    pins.keep("oncall", "4711")
    assert pins.forget("oncall")
    assert not pins.forget("oncall")
    assert not pins.asks("oncall")
