"""Protocols: what their files may say, how versions are kept, and that they judge stays."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

from alerts.reader import AlarmReader
from batches.batch import Signed
from batches.export.folder import make_record
from batches.ledger import Ledger
from batches.placement import Interval, Refused
from batches.policy import Standing, Verdict
from batches.protocol import ProtocolError, decode, digest, encode, load
from batches.record import BatchRecord, Made, assemble
from batches.setting import Setting
from batches.survey import Part, Readings
from storage.acts import append, verify_chain
from storage.archive.pieces import Piece

pytestmark = pytest.mark.long

B = "B-2026-0001"
ANNA, BEN = Signed(by="anna"), Signed(by="ben")
MINUTE = 60_000
MONDAY = 1_767_596_400_000
HOUR = 60 * MINUTE
GOOD = """
name = "fibroblast"
version = "3"

[[step]]
id = "culture"
devices = ["inc*"]
second_check = true

[[step.limit]]
channel = "temperature"
low = 36.0
high = 38.0
coverage = 95.0
allowed = { low = 34.0, high = 39.0, longest = "5m", times = 1, per = "24h" }

[[step.limit]]
channel = "carbon_*"
low = 4.5
high = 5.5
coverage = 95.0
"""
"""As written for these tests; the limits are plausible ones, not a rule."""

Edit = Callable[[str, str], Path]


class Clock(Protocol):
    now: int

    def at(self, hours: float) -> None: ...


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """The good file with one piece of text in the place of another."""

    def edited(old: str, new: str) -> Path:
        assert old in GOOD
        path = tmp_path / "protocol.toml"
        path.write_text(GOOD.replace(old, new, 1))
        return path

    return edited


def test_a_good_protocol_says_what_holds_for_a_channel(edited: Edit) -> None:
    protocol = load(edited("3", "3"))
    assert protocol.reference == "fibroblast@3"
    step = protocol.step_in("inc2")
    assert step is not None
    assert protocol.step_in("ln2a") is None
    heat, gas, door = (step.policy(key) for key in ("temperature", "carbon_dioxide", "door"))
    assert (heat.limits.low, heat.limits.high, heat.coverage) == (36.0, 38.0, 95.0)
    assert heat.allowed is not None
    assert (heat.allowed.longest, heat.allowed.per) == (5 * MINUTE, 24 * 60 * MINUTE)
    assert (gas.limits.low, gas.allowed) == (4.5, None)
    assert not door.limits.given


def test_spaces_in_the_file_do_not_make_another_version(edited: Edit) -> None:
    plain = load(edited("3", "3"))
    assert load(edited("low = 36.0", "low   =  36.00 # degC")) == plain
    assert decode(encode(plain)) == plain


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("coverage", "covrage", ":14: step[0].limit[0]: unknown key `covrage`; did you mean"),
        ('version = "3"', "version = 3", ":3: version: Expected `str`, got `int`"),
        ('"fibroblast"', '"fibro blast"', ":2: name 'fibro blast' may hold letters"),
        ("low = 36.0", "low = 38.5", ":5: step 'culture' (temperature): low 38.5 lies above"),
        ("low = 36.0\nhigh = 38.0\n", "", ": say low, high or both"),
        ("high = 38.0", "high = nan", ": limits and coverage are numbers"),
        ("95.0", "101.0", ": coverage 101 is no percentage"),
        ("95.0", "0.0", ": coverage 0 is no percentage"),
        (", times = 1", "", ": times and per belong together"),
        ("times = 1", "times = 0", ": times = 0 allows none"),
        ('longest = "5m"', 'longest = "0s"', ": an excursion of no time is none"),
        ("high = 39.0", "high = 37.0", ": the allowed range ends at 37, inside the limits"),
        ("low = 34.0", "low = 36.5", ": the allowed range begins at 36.5, inside the limits"),
        ('["inc*"]', "[]", ":7: step 'culture' names no device"),
        (GOOD[GOOD.index("[[step]]") :], "", ": there is no [[step]]"),
        (GOOD[GOOD.index("[[step.limit]]") :], "", ":5: step 'culture' has no [[step.limit]]"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(edited: Edit, old: str, new: str, said: str) -> None:
    path = edited(old, new)
    with pytest.raises(ProtocolError) as refused:
        load(path)
    assert str(refused.value).startswith(f"{path}:")
    assert said in str(refused.value)


def test_every_mistake_is_told_at_once(edited: Edit) -> None:
    path = edited("low = 36.0", "low = 38.5")
    path.write_text(path.read_text().replace("low = 4.5", "low = 6.5"))
    with pytest.raises(ProtocolError) as refused:
        load(path)
    assert len(str(refused.value).splitlines()) == 2


def test_a_batch_is_opened_with_a_version_that_is_kept(ledger: Ledger, edited: Edit) -> None:
    with pytest.raises(Refused, match=r"'fibroblast@3' is no protocol .* known: none yet"):
        ledger.open_batch(B, product="x", protocol="fibroblast@3", act=ANNA)
    kept = ledger.keep(load(edited("3", "3")), act=ANNA)
    for name in ("fibroblast", "fibroblast@4", "@", "fibroblast@3\0"):
        with pytest.raises(Refused, match="known: fibroblast@3"):
            ledger.open_batch(B, product="x", protocol=name, act=ANNA)
    ledger.open_batch(B, product="x", protocol="fibroblast@3", act=ANNA)
    (adopted,) = ledger.dossier(B).protocols
    assert (adopted.reference, adopted.kept) == ("fibroblast@3", kept)
    assert verify_chain(ledger.url) is None


def test_a_version_is_kept_once_and_never_says_something_else(ledger: Ledger, edited: Edit) -> None:
    kept = ledger.keep(load(edited("3", "3")), act=ANNA)
    assert ledger.keep(load(edited("3", "3")), act=BEN) == kept
    assert ledger.head().sequence == kept.row == 1
    other = load(edited("low = 36.0", "low = 36.1"))
    with pytest.raises(Refused, match="give it a new version") as refused:
        ledger.keep(other, act=BEN)
    assert refused.value.row == kept.row
    newer = ledger.keep(load(edited('version = "3"', 'version = "4"')), act=BEN)
    assert ledger.protocols() == (kept, newer)


def test_where_the_protocol_demands_it_a_second_person_checks(
    ledger: Ledger, edited: Edit, clock: Clock
) -> None:
    ledger.keep(load(edited("3", "3")), act=ANNA)
    ledger.open_batch(B, product="x", protocol="fibroblast@3", act=ANNA)
    with pytest.raises(Refused, match="step 'culture' of fibroblast@3 needs a second person"):
        ledger.place(B, "inc1", act=ANNA)
    with pytest.raises(Refused, match="Anna did this and cannot check it as well"):
        ledger.place(B, "inc1", checked_by="Anna ", act=ANNA)
    assert ledger.stays(B) == ()
    assert ledger.place(B, "inc1", checked_by="ben", act=ANNA).checked_by == "ben"
    clock.at(1)
    with pytest.raises(Refused, match="needs a second person"):
        ledger.move(B, "inc2", act=ANNA)
    assert ledger.move(B, "inc2", checked_by="ben", act=ANNA).checked_by == "ben"
    assert [act.kind for act in ledger.acts(B)] == [
        *("open", "place", "check", "leave", "place", "check")
    ]


def test_a_correction_is_checked_anew(ledger: Ledger, edited: Edit, clock: Clock) -> None:
    ledger.keep(load(edited("3", "3")), act=ANNA)
    ledger.open_batch(B, product="x", protocol="fibroblast@3", act=ANNA)
    row = ledger.place(B, "inc1", checked_by="ben", act=ANNA).row
    clock.at(1)
    why = Signed(by="cleo", reason="it was the other one")
    with pytest.raises(Refused, match="cleo did this and cannot check it as well"):
        ledger.correct(row, device="inc2", checked_by="cleo", act=why)
    assert [stay.row for stay in ledger.stays(B)] == [row]
    # Without a second person it stands unchecked, which the record says.
    unchecked = ledger.correct(row, device="inc2", act=why)
    assert unchecked.checked_by is None
    found = ledger.correct(unchecked.row, position="S1", checked_by="anna", act=why)
    assert (found.device, found.by, found.checked_by, found.corrects) == (
        "inc2",
        "cleo",
        "anna",
        unchecked.row,
    )


def test_a_version_kept_before_guard_bands_were_known_is_the_same_version(
    ledger: Ledger, edited: Edit
) -> None:
    protocol = load(edited("3", "3"))
    spelled = encode(protocol).replace('"guard_band":false,', "")
    assert spelled != encode(protocol)
    detail = {
        "name": protocol.name,
        "version": protocol.version,
        "digest": digest(spelled),
        "content": spelled,
    }
    with ledger.database.writing() as connection:
        append(connection, ledger.clerk.entry("protocol", "x", ANNA), "protocol", detail)
    assert ledger.keep(protocol, act=ANNA).digest == digest(spelled)


def test_a_check_may_come_later_and_only_once(ledger: Ledger, clock: Clock) -> None:
    ledger.open_batch(B, product="x", act=ANNA)
    stay = ledger.place(B, "inc1", act=ANNA)
    clock.at(1)
    with pytest.raises(Refused, match="cannot check it as well"):
        ledger.check(stay.row, act=ANNA)
    assert ledger.check(stay.row, act=BEN).checked_by == "ben"
    with pytest.raises(Refused, match="was checked by ben already"):
        ledger.check(stay.row, act=Signed(by="carla"))


@pytest.fixture
def making(journal: Readings, alarms: AlarmReader, setting: Setting, made: Made) -> dict[str, Any]:
    """What a record is made from, beside the ledger."""
    return {"readings": journal, "alarms": alarms, "setting": setting, "made": made}


@pytest.fixture
def judged(ledger: Ledger, clock: Clock, making: dict[str, Any]) -> Callable[[Path], BatchRecord]:
    """The record of a batch that was in inc1 from 8 to 12 and in inc2 to 16, checked in inc2."""

    def judged(path: Path) -> BatchRecord:
        protocol = load(path)
        ledger.keep(protocol, act=ANNA)
        ledger.open_batch(B, product="x", protocol=protocol.reference, act=ANNA)
        if protocol.step[0].second_check:
            first = ledger.place(B, "inc1", checked_by="ben", act=ANNA)
            ledger.correct(first.row, position="shelf 2", act=Signed(by="anna", reason="typo"))
        else:
            ledger.place(B, "inc1", act=ANNA)
        clock.at(4)
        ledger.move(B, "inc2", checked_by="ben", act=ANNA)
        clock.at(9)

        return assemble(B, ledger=ledger, visit=unseen, **making)

    return judged


def test_the_version_of_the_batch_judges_its_stays(
    judged: Callable[[Path], BatchRecord], edited: Edit
) -> None:
    record = judged(edited("3", "3"))
    assert [each.reference for each in record.protocols] == ["fibroblast@3"]
    assert [stay.protocol for stay in record.stays] == ["fibroblast@3"] * 2
    first, second = record.stays
    # 38.5 degC for the 5 minutes that are allowed; silent for 10 of 300 minutes, 96.66 % known.
    assert [j.standing for j in first.channels[0].exposure.judged] == [Standing.ALLOWED]
    assert [s.exposure.verdict for s in first.channels] == [Verdict.IN, Verdict.IN, None]
    assert second.channels[0].exposure.coverage == 96.66
    assert [s.exposure.verdict for s in second.channels] == [Verdict.IN, Verdict.IN, None]
    assert record.verdict is Verdict.IN
    assert not record.complete
    assert (first.step, first.unchecked, second.unchecked) == ("culture", True, False)
    where = "Stay 1 in inc1"
    assert f"{where}: step culture needs a second person's check, and has none." in (
        record.open_items
    )
    assert f"{where}, temperature: 1 excursion, 5m out of limits (allowed)." in record.open_items


@pytest.mark.parametrize(
    ("old", "new", "verdicts"),
    [
        ('longest = "5m"', 'longest = "4m"', (Verdict.OUT, Verdict.IN)),
        ("high = 39.0", "high = 38.4", (Verdict.OUT, Verdict.IN)),
        ("coverage = 95.0", "coverage = 97.0", (Verdict.IN, Verdict.UNKNOWN)),
    ],
)
def test_a_stricter_version_judges_more_strictly(
    judged: Callable[[Path], BatchRecord],
    edited: Edit,
    old: str,
    new: str,
    verdicts: tuple[Verdict, Verdict],
) -> None:
    record = judged(edited(old, new))
    assert tuple(stay.channels[0].exposure.verdict for stay in record.stays) == verdicts


def test_in_a_device_without_a_step_nothing_is_in_limits(
    judged: Callable[[Path], BatchRecord], edited: Edit
) -> None:
    path = edited('["inc*"]', '["inc1"]')
    path.write_text(path.read_text().replace("second_check = true\n", ""))
    record = judged(path)
    assert record.stays[1].step == ""
    assert record.verdict is Verdict.UNKNOWN
    assert (
        "Stay 2 in inc2: no limits are in force, so nothing can be said to be in limits."
        in record.open_items
    )


def test_the_page_names_the_version_and_its_digest(
    lived: Ledger, edited: Edit, making: dict[str, Any], tmp_path: Path
) -> None:
    kept = lived.keep(load(edited("3", "3")), act=ANNA)
    lived.amend(B, protocol="fibroblast@3", act=Signed(by="anna", reason="was left out"))
    folder = make_record(B, tmp_path / "record", ledger=lived, **making)
    page = (folder / "record.html").read_text()
    assert "fibroblast@3" in page
    assert kept.digest in page


@pytest.fixture
def moved(
    ledger: Ledger, clock: Clock, edited: Edit, making: dict[str, Any]
) -> Callable[..., BatchRecord]:
    """inc1 is at 38.5 degC from 9:00 to 9:05; at 9:02 the batch leaves it for another shelf."""

    def moved(old: str, new: str, *, bench_s: int = 0) -> BatchRecord:
        path = edited("second_check = true\n", "")
        path.write_text(path.read_text().replace(old, new))
        protocol = load(path)
        ledger.keep(protocol, act=ANNA)
        ledger.open_batch(B, product="x", protocol=protocol.reference, act=ANNA)
        ledger.place(B, "inc1", act=ANNA)
        clock.at(1 + 2 / 60)
        ledger.remove(B, act=ANNA)
        clock.at(1 + 2 / 60 + bench_s / 3600)
        ledger.place(B, "inc1", position="shelf 2", act=ANNA)
        clock.at(9)
        return assemble(B, ledger=ledger, visit=unseen, **making)

    return moved


def unseen(_: int, __: Interval, ___: Part, ____: Piece) -> None:
    return


def standings(record: BatchRecord) -> list[list[Standing]]:
    return [[j.standing for j in s.channels[0].exposure.judged] for s in record.stays]


def test_an_excursion_that_a_move_cuts_counts_once(moved: Callable[..., BatchRecord]) -> None:
    # One in 24 h is allowed, of 5 minutes: its two pieces are that one.
    record = moved("", "")
    assert standings(record) == [[Standing.ALLOWED], [Standing.ALLOWED]]
    first, second = (s.channels[0].exposure.judged[0] for s in record.stays)
    whole = Interval(MONDAY + HOUR, MONDAY + HOUR + 5 * MINUTE)
    assert first.whole == second.whole == whole
    assert (first.excursion.length, second.excursion.length) == (2 * MINUTE, 3 * MINUTE)
    assert record.verdict is Verdict.IN


def test_its_pieces_are_as_long_as_it_was_in_all(moved: Callable[..., BatchRecord]) -> None:
    record = moved('longest = "5m"', 'longest = "4m"')
    assert standings(record) == [[Standing.TOO_LONG], [Standing.TOO_LONG]]


def test_out_of_limits_and_then_on_the_bench_nobody_knows_for_how_long(
    moved: Callable[..., BatchRecord],
) -> None:
    record = moved("", "", bench_s=60)
    # Two excursions now, which is one too many; and the first one may have gone on.
    assert standings(record) == [[Standing.UNSURE], [Standing.TOO_OFTEN]]
    assert record.verdict is Verdict.OUT


def test_a_protocol_named_later_holds_from_when_it_says(
    ledger: Ledger, clock: Clock, edited: Edit, making: dict[str, Any]
) -> None:
    strict = edited("second_check = true\n", "")
    ledger.keep(load(strict), act=ANNA)
    strict.write_text(strict.read_text().replace('version = "3"', 'version = "4"'))
    strict.write_text(strict.read_text().replace('longest = "5m"', 'longest = "4m"'))
    ledger.keep(load(strict), act=ANNA)
    ledger.open_batch(B, product="x", protocol="fibroblast@3", act=ANNA)
    ledger.place(B, "inc1", act=ANNA)
    clock.at(4)
    ledger.amend(B, protocol="fibroblast@4", act=Signed(by="quality", reason="stricter"))
    clock.at(9)
    record = assemble(B, ledger=ledger, visit=unseen, **making)
    # One stay, judged in two parts; the excursion was under the version of then.
    assert [(s.protocol, s.span.length // HOUR) for s in record.stays] == [
        ("fibroblast@3", 4),
        ("fibroblast@4", 5),
    ]
    assert record.stays[0].placement == record.stays[1].placement
    assert standings(record) == [[Standing.ALLOWED], []]
    assert record.open_items[0] == (
        "The protocol was changed from fibroblast@3 to fibroblast@4 by quality: stricter."
    )
    dated = Signed(by="quality", at=MONDAY, reason="it was wrong from the beginning")
    ledger.amend(B, protocol="fibroblast@3", act=Signed(by="quality", reason="back"))
    ledger.amend(B, protocol="fibroblast@4", act=dated)
    again = assemble(B, ledger=ledger, visit=unseen, **making)
    assert [s.protocol for s in again.stays] == ["fibroblast@4"]
    assert standings(again) == [[Standing.TOO_LONG]]
