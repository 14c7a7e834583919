"""What the ledger takes, what it refuses and why, and what it answers."""

import multiprocessing
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import insert

from batches.batch import Signed
from batches.ledger import Ledger
from batches.placement import Interval, Refused, bench
from storage import schema
from storage.acts import verify_chain
from storage.chain import Head
from storage.database import Database, DatabaseError
from tests.unit.batches.conftest import ANNA, HOUR, B, Clock


def test_a_batch_is_opened_placed_moved_and_closed(opened: Ledger, clock: Clock) -> None:
    start = clock.now
    opened.place(B, "inc1", position="shelf 2", act=ANNA)
    clock.at(2)
    opened.move(B, "inc2", act=Signed(by="ben", reason="door service"))
    clock.at(5)
    closed = opened.close(B, act=Signed(by="ben", reason="harvested"))
    stays = opened.stays(B)
    assert [(s.device, s.position, s.start - start, s.end) for s in stays] == [
        ("inc1", "shelf 2", 0, start + 2 * HOUR),
        ("inc2", "", 2 * HOUR, start + 5 * HOUR),
    ]
    assert (closed.closed_at, closed.closed_by, closed.closed_why) == (
        start + 5 * HOUR,
        "ben",
        "harvested",
    )
    assert [act.kind for act in opened.acts(B)] == [
        "open",
        "place",
        "leave",
        "place",
        "leave",
        "close",
    ]
    assert verify_chain(opened.url) is None


def test_a_move_ends_one_stay_and_begins_the_next_at_the_same_instant(opened: Ledger) -> None:
    real = Ledger(opened.url)
    opened.place(B, "inc1", act=ANNA)
    real.move(B, "inc2", act=Signed(by="anna"))
    first, second = real.stays(B)
    assert first.end == second.start


def test_time_on_the_bench_is_a_gap_between_stays(lived: Ledger, clock: Clock) -> None:
    start = clock.now - 9 * HOUR
    batch = lived.batch(B)
    gaps = bench(batch.opened_at, batch.closed_at or 0, lived.stays(B))
    assert gaps == (Interval(start + 4 * HOUR, start + 4 * HOUR + HOUR // 6),)


def test_a_batch_never_placed_was_on_the_bench_all_along(opened: Ledger, clock: Clock) -> None:
    start = clock.now
    clock.at(1)
    assert bench(opened.batch(B).opened_at, clock.now, ()) == (Interval(start, start + HOUR),)


def test_both_questions_are_exact_at_the_edges(lived: Ledger, clock: Clock) -> None:
    start = clock.now - 9 * HOUR
    noon = start + 4 * HOUR
    assert [p.batch for p in lived.batches_in("inc1", start)] == [B]
    assert lived.batches_in("inc1", start - 1) == ()
    assert [p.batch for p in lived.batches_in("inc1", noon - 1)] == [B]
    assert lived.batches_in("inc1", noon) == ()
    assert lived.at_risk("inc2") == ()


def test_what_stood_in_a_device_is_found_by_any_part_of_its_stay(
    lived: Ledger, clock: Clock
) -> None:
    start = clock.now - 9 * HOUR
    noon = start + 4 * HOUR
    assert [p.batch for p in lived.stays_in("inc1", start - HOUR, start + 1)] == [B]
    assert [p.end for p in lived.stays_in("inc1", noon - 1, clock.now)] == [noon]
    assert lived.stays_in("inc1", noon, clock.now) == ()
    assert lived.stays_in("inc1", start - HOUR, start) == ()


def test_what_stands_in_a_device_now_is_at_risk(opened: Ledger) -> None:
    opened.open_batch("MSC-2026-000002", product="stem cells", act=ANNA)
    opened.place(B, "inc1", position="shelf 1", act=ANNA)
    opened.place("MSC-2026-000002", "inc1", position="shelf 2", act=ANNA)
    assert [(p.batch, p.position) for p in opened.at_risk("inc1")] == [
        (B, "shelf 1"),
        ("MSC-2026-000002", "shelf 2"),
    ]
    assert opened.at_risk("inc2") == ()
    assert opened.all_at_risk() == {"inc1": opened.at_risk("inc1")}
    assert [b.id for b in opened.batches()] == [B, "MSC-2026-000002"]


def test_a_stay_that_overlaps_is_refused_with_the_row_it_meets(
    opened: Ledger, clock: Clock
) -> None:
    there = opened.place(B, "inc1", act=ANNA)
    clock.at(1)
    with pytest.raises(Refused, match="is in inc1 at that time") as refused:
        opened.place(B, "inc2", act=ANNA)
    assert refused.value.row == there.row


def test_a_forgotten_stay_may_be_entered_later_with_a_reason(opened: Ledger, clock: Clock) -> None:
    start = clock.now
    clock.at(6)
    late = Signed(by="anna", at=start + HOUR)
    with pytest.raises(Refused, match="a backdated entry needs a reason"):
        opened.place(B, "inc1", until=start + 2 * HOUR, act=late)
    why = Signed(by="anna", at=start + HOUR, reason="found in the paper log")
    opened.place(B, "inc1", until=start + 2 * HOUR, act=why)
    (stay,) = opened.stays(B)
    assert (stay.start, stay.end) == (start + HOUR, start + 2 * HOUR)
    assert stay.entered == start + 6 * HOUR
    with pytest.raises(Refused, match="is in inc1"):
        opened.place(
            B, "inc2", until=start + 90 * 60_000, act=Signed(by="b", at=start, reason="no")
        )


def test_an_end_before_its_start_is_refused(opened: Ledger, clock: Clock) -> None:
    with pytest.raises(Refused, match="must end after it starts"):
        opened.place(B, "inc1", until=clock.now, act=ANNA)


def test_leaving_at_or_before_the_coming_is_refused_with_the_row(opened: Ledger) -> None:
    there = opened.place(B, "inc1", act=ANNA)
    with pytest.raises(Refused, match="cannot leave before it came") as refused:
        opened.remove(B, act=ANNA)
    assert refused.value.row == there.row


@pytest.mark.parametrize(
    "act",
    [
        pytest.param(lambda ledger: ledger.place(B, "inc1", act=ANNA), id="place"),
        pytest.param(lambda ledger: ledger.move(B, "inc1", act=ANNA), id="move"),
        pytest.param(lambda ledger: ledger.remove(B, act=ANNA), id="remove"),
        pytest.param(lambda ledger: ledger.close(B, act=ANNA), id="close"),
    ],
)
def test_nothing_is_done_with_a_closed_batch(
    lived: Ledger, act: Callable[[Ledger], object]
) -> None:
    closure = lived.batch(B).closure
    with pytest.raises(Refused, match="is closed") as refused:
        act(lived)
    assert refused.value.row == closure


def test_a_batch_nobody_opened_is_refused(ledger: Ledger) -> None:
    for name, shown in (("B-2026-0404", "B-2026-0404"), ("\udcff", r"'\\udcff'")):
        with pytest.raises(Refused, match=f"{shown}: is not a batch of this ledger; open it"):
            ledger.place(name, "inc1", act=ANNA)


def test_a_batch_is_opened_once(opened: Ledger) -> None:
    with pytest.raises(Refused, match="exists already") as refused:
        opened.open_batch(B, product="again", act=ANNA)
    assert refused.value.row == 1


@pytest.mark.parametrize("name", ["", "B-26-1", "b-2026-0001", "B-2026-0001 ", "../B-2026-0001"])
def test_an_id_of_another_form_is_refused(ledger: Ledger, name: str) -> None:
    with pytest.raises(Refused, match="is not a batch id"):
        ledger.open_batch(name, product="x", act=ANNA)


def test_a_device_the_site_does_not_have_is_refused(opened: Ledger) -> None:
    with pytest.raises(Refused, match="'inc9' is not a device of this site; known: inc1, inc2"):
        opened.place(B, "inc9", act=ANNA)


def test_the_future_is_refused_beyond_a_minute(opened: Ledger, clock: Clock) -> None:
    opened.place(B, "inc1", act=Signed(by="anna", at=clock.now + 60_000))
    with pytest.raises(Refused, match="in the future"):
        opened.move(B, "inc2", act=Signed(by="anna", at=clock.now + 60_001))
    with pytest.raises(Refused, match="in the future"):
        opened.correct(2, end=clock.now + HOUR, act=Signed(by="anna", reason="a guess"))


def test_a_year_that_can_only_be_mistyped_is_refused(ledger: Ledger) -> None:
    with pytest.raises(Refused, match="before 1970; check the year"):
        ledger.open_batch(B, product="x", act=Signed(by="anna", at=-1, reason="0026 for 2026"))


def test_a_batch_is_of_something(ledger: Ledger) -> None:
    with pytest.raises(Refused, match="say what is cultured"):
        ledger.open_batch(B, product=" ", act=ANNA)
    ledger.open_batch(B, product="x", act=ANNA)
    with pytest.raises(Refused, match="say what is cultured"):
        ledger.amend(B, product="", act=Signed(by="anna", reason="x"))


def test_somebody_must_have_done_it(opened: Ledger) -> None:
    with pytest.raises(Refused, match="say who"):
        opened.place(B, "inc1", act=Signed(by=" "))


def test_text_that_cannot_be_kept_is_refused(opened: Ledger) -> None:
    with pytest.raises(Refused, match="cannot be shown or kept"):
        opened.place(B, "inc1", position="shelf\x00", act=ANNA)
    with pytest.raises(Refused, match="cannot be shown or kept"):
        opened.place(B, "inc1", act=Signed(by="anna\udcff"))


def test_moving_to_where_it_is_is_refused(opened: Ledger, clock: Clock) -> None:
    opened.place(B, "inc1", position="a", act=ANNA)
    clock.at(1)
    with pytest.raises(Refused, match="already there"):
        opened.move(B, "inc1", position="a", act=ANNA)
    assert opened.move(B, "inc1", position="b", act=ANNA).position == "b"


def test_moving_what_is_in_no_device_is_refused(opened: Ledger) -> None:
    with pytest.raises(Refused, match="is in no device; place it"):
        opened.move(B, "inc1", act=ANNA)


def test_a_refused_act_leaves_nothing_behind(opened: Ledger) -> None:
    before = opened.head()
    with pytest.raises(Refused):
        opened.move(B, "inc2", act=ANNA)
    assert opened.head() == before


def test_closing_before_a_stay_ended_is_refused(opened: Ledger, clock: Clock) -> None:
    opened.place(B, "inc1", act=ANNA)
    clock.at(2)
    stay = opened.remove(B, act=ANNA)
    with pytest.raises(Refused, match="was in inc1 after that") as refused:
        opened.close(B, act=Signed(by="a", at=stay.end and stay.end - HOUR, reason="late"))
    assert refused.value.row == stay.row


def _enter(url: str, prefix: str, count: int) -> None:
    ledger = Ledger(url)
    for number in range(count):
        ledger.open_batch(f"{prefix}-2026-{number:04}", product="x", act=ANNA)


def test_two_processes_that_write_at_once_keep_one_chain(
    further_url: Callable[[str], str],
) -> None:
    url = further_url("new")
    spawn = multiprocessing.get_context("spawn")
    writers = [spawn.Process(target=_enter, args=(url, name, 25)) for name in ("A", "B")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(50)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert len(Ledger(url).batches()) == 50
    assert Ledger(url).head().sequence == 50
    assert verify_chain(url) is None


def test_a_ledger_that_cannot_be_opened_says_where_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DatabaseError, match="its folder cannot be made"):
        Ledger(f"sqlite:///{tmp_path}/file/ledger.db")
    (tmp_path / "ledger.db").write_text("not a database at all, but long enough to be read" * 9)
    with pytest.raises(DatabaseError, match="the file is damaged or something else"):
        Ledger(f"sqlite:///{tmp_path}/ledger.db")
    with pytest.raises(DatabaseError, match="kept in an SQLite file"):
        Ledger("postgresql://somewhere/ledger")


def test_ten_thousand_batches_are_asked_in_well_under_a_second(ledger: Ledger) -> None:
    count = 10_000
    start = 1_767_596_400_000
    acts = [
        {
            "sequence": n,
            "kind": "open" if n <= count else "place",
            "subject": f"B-2026-{n % count:06}",
            "done_by": "import",
            "done_at": start,
            "entered_at": start,
            "reason": "",
            "body": "",
            "previous": "",
            "hash": "",
        }
        for n in range(1, 2 * count + 1)
    ]
    database = Database(ledger.url)
    with database.writing() as connection:
        connection.execute(insert(schema.act), acts)
        connection.execute(
            insert(schema.batch),
            [
                {"sequence": a["sequence"], "id": a["subject"], "product": "x", "protocol": "",
                 "opened_at": start}
                for a in acts[:count]
            ],
        )  # fmt: skip
        connection.execute(
            insert(schema.placement),
            [
                {"sequence": a["sequence"], "batch": a["subject"], "position": "",
                 "device": f"inc{number % 100}", "start_at": start}
                for number, a in enumerate(acts[count:])
            ],
        )  # fmt: skip
    began = time.perf_counter()
    assert len(ledger.at_risk("inc7")) == 100
    assert len(ledger.stays("B-2026-000042")) == 1
    # The goal is a second; a busy machine gets five.
    assert time.perf_counter() - began < 5
    assert ledger.head() == Head(2 * count, "")
