"""Table A1 cell by cell; then what several cells do together. Times in seconds for reading."""

from itertools import product
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from alerts.engine.filter import A1, Delays, Event, Found, Sample, step
from alerts.engine.filter_state import Filter, Past, Stage
from alerts.engine.limits import Side
from alerts.engine.remembered import KEPT
from alerts.transition import What

# The limit is 38, the on-delay 300, the off-delay 120, as in the scenarios of facts/alarms.md.
SLOW = Delays(on=300, off=120, bridge=30)
AT_ONCE = Delays(on=0, off=0, bridge=30)
COUNTING = Delays(on=300, off=120, needed=3, window=600)
CLEAR = Filter()
PENDING = Filter(
    stage=Stage.F1, anchor=100, due=400, latest=Side.TRUE, known=90, trues=(100, 110), peak=38.1
)
HOVERING = replace(PENDING, latest=Side.INSIDE)
SET = Filter(
    stage=Stage.F2,
    anchor=100,
    latest=Side.TRUE,
    known=90,
    trues=(100, 110, 250, 400),
    peak=38.4,
)
RETURNING = replace(
    SET, stage=Stage.F3, due=1120, latest=Side.FALSE, returned=1000, peak=37.0, flutter=2
)


class Cell(NamedTuple):
    """Given ``state``, shown ``sample``, the filter is at ``stage`` and found these."""

    state: Filter
    event: Event
    sample: Sample
    stage: Stage
    found: tuple[tuple[What, int], ...] = ()
    delays: Delays = SLOW
    case: str = ""


def good(at: int, value: float = 38.1, side: Side = Side.TRUE, newest: int | None = 90) -> Sample:
    return Sample(at=at, now=at, side=side, value=value, newest=newest)


def low(at: int, newest: int | None = 90) -> Sample:
    return good(at, 37.0, Side.FALSE, newest)


def late(at: int, side: Side, *, now: int = 300, newest: int = 290) -> Sample:
    return Sample(at=at, now=now, side=side, value=39.0, newest=newest)


NOTHING = Sample(at=0, now=0)
BURST = replace(PENDING, latest=Side.INSIDE, pulses=(80, 100))
CELLS = [
    Cell(CLEAR, Event.TRUE, good(100), Stage.F1, case="delay"),
    Cell(CLEAR, Event.TRUE, good(100), Stage.F2, ((What.SET, 100),), AT_ONCE, "no delay"),
    Cell(CLEAR, Event.FALSE, low(100), Stage.F0),
    Cell(CLEAR, Event.INSIDE, good(100, 37.9, Side.INSIDE), Stage.F0),
    Cell(CLEAR, Event.DUE, NOTHING, Stage.F0),
    Cell(CLEAR, Event.BAD, NOTHING, Stage.F0),
    Cell(CLEAR, Event.LATE, late(100, Side.TRUE), Stage.F0),
    Cell(CLEAR, Event.RESTART, low(100), Stage.F0, case="newest false"),
    Cell(CLEAR, Event.RESTART, good(100, newest=100), Stage.F1, case="newest true"),
    Cell(PENDING, Event.TRUE, good(120), Stage.F1, case="delay runs"),
    Cell(HOVERING, Event.TRUE, good(401), Stage.F2, ((What.SET, 100),), case="delay is over"),
    Cell(BURST, Event.TRUE, good(120), Stage.F2, ((What.SET, 80),), COUNTING, "third activation"),
    Cell(PENDING, Event.FALSE, low(120), Stage.F0, ((What.NEAR_MISS, 100),)),
    Cell(PENDING, Event.INSIDE, good(120, 37.9, Side.INSIDE), Stage.F1),
    Cell(PENDING, Event.DUE, Sample(400, 400), Stage.F2, ((What.SET, 100),), case="newest true"),
    Cell(HOVERING, Event.DUE, Sample(400, 400), Stage.F1, case="newest inside the deadband"),
    Cell(PENDING, Event.BAD, Sample(120, 120), Stage.F1),
    Cell(PENDING, Event.LATE, late(95, Side.TRUE), Stage.F1, case="true before the anchor"),
    Cell(PENDING, Event.LATE, late(105, Side.FALSE), Stage.F1, case="false, a true one after it"),
    Cell(
        PENDING,
        Event.LATE,
        late(115, Side.FALSE),
        Stage.F0,
        ((What.NEAR_MISS, 100),),
        case="false, no true one after it",
    ),
    Cell(PENDING, Event.RESTART, Sample(110, 399), Stage.F1, case="not yet due"),
    Cell(PENDING, Event.RESTART, Sample(110, 700), Stage.F2, ((What.SET, 100),), case="due"),
    Cell(SET, Event.TRUE, good(500), Stage.F2),
    Cell(SET, Event.FALSE, low(500), Stage.F3, case="off-delay"),
    Cell(SET, Event.FALSE, low(500), Stage.F0, ((What.CLEAR, 500),), AT_ONCE, "no off-delay"),
    Cell(SET, Event.INSIDE, good(500, 37.9, Side.INSIDE), Stage.F2),
    Cell(SET, Event.DUE, NOTHING, Stage.F2),
    Cell(SET, Event.BAD, NOTHING, Stage.F2),
    Cell(
        SET,
        Event.LATE,
        late(260, Side.FALSE, newest=400),
        Stage.F1,
        ((What.VOID, 100),),
        case="disproved, a new delay runs",
    ),
    Cell(
        SET,
        Event.LATE,
        late(399, Side.FALSE, newest=699),
        Stage.F1,
        ((What.VOID, 100),),
        case="one second short of proven anyway",
    ),
    Cell(SET, Event.LATE, late(399, Side.FALSE, newest=700), Stage.F2, case="proven anyway"),
    Cell(SET, Event.LATE, late(400, Side.FALSE), Stage.F2, case="after the delay"),
    Cell(SET, Event.LATE, late(99, Side.FALSE), Stage.F2, case="before it began"),
    Cell(SET, Event.LATE, late(260, Side.INSIDE), Stage.F2, case="inside the deadband"),
    Cell(SET, Event.RESTART, Sample(400, 9000), Stage.F2),
    Cell(RETURNING, Event.TRUE, good(1010), Stage.F2),
    Cell(RETURNING, Event.FALSE, low(1010), Stage.F3),
    Cell(RETURNING, Event.INSIDE, good(1010, 37.9, Side.INSIDE), Stage.F2),
    Cell(RETURNING, Event.DUE, Sample(1120, 1120), Stage.F0, ((What.CLEAR, 1000),)),
    Cell(RETURNING, Event.BAD, Sample(1010, 1010), Stage.F2),
    Cell(RETURNING, Event.LATE, late(1005, Side.TRUE), Stage.F2, case="true in the window"),
    Cell(RETURNING, Event.LATE, late(999, Side.TRUE), Stage.F3, case="true before the return"),
    Cell(RETURNING, Event.LATE, late(1005, Side.FALSE), Stage.F3, case="false"),
    Cell(RETURNING, Event.RESTART, Sample(1000, 1119), Stage.F3, case="not yet due"),
    Cell(RETURNING, Event.RESTART, Sample(1000, 1120), Stage.F0, ((What.CLEAR, 1000),), case="due"),
]


@pytest.mark.parametrize(
    "cell", CELLS, ids=lambda cell: f"{cell.state.stage}-{cell.event}-{cell.case}".rstrip("-")
)
def test_each_cell_of_a1_does_what_the_table_says(cell: Cell) -> None:
    after, found = step(cell.delays, cell.state, cell.event, cell.sample)
    assert after.stage is cell.stage
    assert tuple((one.what, one.since) for one in found) == cell.found


def test_no_cell_of_a1_is_forgotten() -> None:
    wanted = set(product(Stage, Event))
    assert len(wanted) == 28
    assert set(A1) == wanted
    assert {(cell.state.stage, cell.event) for cell in CELLS} == wanted


@pytest.mark.parametrize(
    "cell",
    [
        Cell(CLEAR, Event.BAD, NOTHING, Stage.F0),
        Cell(CLEAR, Event.DUE, NOTHING, Stage.F0),
        Cell(PENDING, Event.BAD, NOTHING, Stage.F1),
        Cell(SET, Event.TRUE, good(500), Stage.F2),
        Cell(SET, Event.BAD, NOTHING, Stage.F2),
        Cell(SET, Event.RESTART, NOTHING, Stage.F2),
        Cell(RETURNING, Event.FALSE, low(1010), Stage.F3),
    ],
    ids=lambda cell: f"{cell.state.stage}-{cell.event}",
)
def test_a_dash_in_the_table_changes_nothing_at_all(cell: Cell) -> None:
    assert step(SLOW, cell.state, cell.event, cell.sample) == (cell.state, ())


def test_the_on_delay_is_anchored_at_the_sample() -> None:
    after, _ = step(SLOW, CLEAR, Event.TRUE, good(100)._replace(now=130))
    assert (after.anchor, after.due) == (100, 400)
    later, _ = step(SLOW, after, Event.TRUE, good(120))
    assert (later.anchor, later.due) == (100, 400)


def test_a_bad_sample_does_not_move_a_running_on_delay() -> None:
    after, _ = step(SLOW, PENDING, Event.BAD, NOTHING)
    assert after.due == 400


def test_inside_the_deadband_at_the_due_time_waits_for_the_next_true_one() -> None:
    waiting, found = step(SLOW, HOVERING, Event.DUE, Sample(400, 400))
    assert (waiting.due, found) == (None, ())
    still, found = step(SLOW, waiting, Event.INSIDE, good(410, 37.9, Side.INSIDE))
    assert (still.stage, found) == (Stage.F1, ())
    after, found = step(SLOW, still, Event.TRUE, good(420))
    assert after.stage is Stage.F2
    assert found == (Found(What.SET, 100, 38.1),)


def test_a_near_miss_tells_its_worst_value() -> None:
    worse, _ = step(SLOW, PENDING, Event.TRUE, good(120, 38.7))
    milder, _ = step(SLOW, worse, Event.TRUE, good(130, 38.2))
    _, found = step(SLOW, milder, Event.FALSE, low(140))
    assert found == (Found(What.NEAR_MISS, 100, 38.7, 140),)


def test_where_less_is_worse_the_worst_value_is_the_lowest() -> None:
    lows = SLOW._replace(sign=-1)
    begun, _ = step(lows, CLEAR, Event.TRUE, good(100, 36.0))
    worse, _ = step(lows, begun, Event.TRUE, good(110, 35.0))
    milder, _ = step(lows, worse, Event.TRUE, good(120, 35.5))
    assert milder.peak == 35.0


def test_the_off_delay_begins_at_the_sample_and_again_after_a_relapse() -> None:
    leaving, _ = step(SLOW, SET, Event.FALSE, low(500))
    assert (leaving.due, leaving.returned) == (620, 500)
    back, _ = step(SLOW, leaving, Event.TRUE, good(510))
    assert (back.due, back.flutter, back.latest) == (None, 1, Side.TRUE)
    again, _ = step(SLOW, back, Event.FALSE, low(520))
    assert again.due == 640


def test_doubt_in_the_off_delay_is_no_flutter() -> None:
    for event in (Event.INSIDE, Event.BAD):
        back, _ = step(SLOW, RETURNING, event, NOTHING)
        assert (back.due, back.flutter) == (None, 2)


def test_a_late_true_one_before_the_anchor_moves_the_delay_forward() -> None:
    after, _ = step(SLOW, PENDING, Event.LATE, late(95, Side.TRUE))
    assert (after.anchor, after.due) == (95, 395)


def test_it_moves_no_further_than_the_newest_sample_that_was_not_true() -> None:
    after, _ = step(SLOW, PENDING, Event.LATE, late(90, Side.TRUE))
    assert (after.anchor, after.due) == (100, 400)
    assert after.past == Past(90, 90, 39.0)


def test_a_late_true_one_can_end_the_delay_at_once() -> None:
    old = replace(PENDING, known=None)
    after, found = step(SLOW, old, Event.LATE, late(10, Side.TRUE, now=310))
    assert after.stage is Stage.F2
    assert [(one.what, one.since, one.late) for one in found] == [(What.SET, 10, True)]


def test_not_while_the_newest_sample_is_inside_the_deadband() -> None:
    old = replace(HOVERING, known=None)
    after, found = step(SLOW, old, Event.LATE, late(10, Side.TRUE, now=310))
    assert (after.stage, after.anchor, found) == (Stage.F1, 10, ())


def test_a_late_false_one_moves_the_anchor_to_the_first_true_one_after_it() -> None:
    after, _ = step(SLOW, PENDING, Event.LATE, late(105, Side.FALSE))
    assert (after.anchor, after.due, after.known) == (110, 410, 105)


def test_a_late_false_one_before_the_anchor_only_bounds_it() -> None:
    after, _ = step(SLOW, PENDING, Event.LATE, late(95, Side.FALSE))
    assert (after.anchor, after.due, after.known) == (100, 400, 95)


def test_a_late_true_one_from_before_the_deadband_moves_the_anchor_back() -> None:
    # Inside the deadband nothing is over (scenario 3), whatever the order in which it is heard.
    state, _ = step(SLOW, CLEAR, Event.FALSE, good(80, 37.0, Side.FALSE, newest=None))
    state, found = step(SLOW, state, Event.INSIDE, good(90, 37.9, Side.INSIDE, newest=80))
    assert (state.stage, found) == (Stage.F0, ())
    state, _ = step(SLOW, state, Event.TRUE, good(100, newest=90))
    after, _ = step(SLOW, state, Event.LATE, late(85, Side.TRUE))
    assert (after.anchor, after.due) == (85, 385)
    # Past the deadband it was over.
    before, _ = step(SLOW, state, Event.LATE, late(80, Side.TRUE))
    assert before.anchor == 100


def test_a_late_false_one_within_the_deadband_bounds_it_too() -> None:
    state, _ = step(SLOW, CLEAR, Event.INSIDE, good(90, 37.9, Side.INSIDE, newest=70))
    state, _ = step(SLOW, state, Event.LATE, late(80, Side.FALSE))
    state, _ = step(SLOW, state, Event.TRUE, good(100, newest=90))
    kept, _ = step(SLOW, state, Event.LATE, late(79, Side.TRUE))
    moved, _ = step(SLOW, state, Event.LATE, late(81, Side.TRUE))
    assert (kept.anchor, moved.anchor) == (100, 81)


def test_what_is_false_again_forgets_the_deadband() -> None:
    state, _ = step(SLOW, CLEAR, Event.INSIDE, good(90, 37.9, Side.INSIDE, newest=70))
    assert step(SLOW, state, Event.FALSE, good(95, 37.0, Side.FALSE)) == (CLEAR, ())


def test_what_count_set_a_late_sample_does_not_take_back() -> None:
    counted = replace(SET, counted=True)
    assert step(COUNTING, counted, Event.LATE, late(150, Side.FALSE)) == (counted, ())


def test_a_disproved_alarm_waits_from_the_first_true_one_that_remains() -> None:
    after, found = step(SLOW, SET, Event.LATE, late(120, Side.FALSE, newest=400))
    assert (after.stage, after.anchor, after.due) == (Stage.F1, 250, 550)
    assert found[0].late


def test_activations_outside_the_window_do_not_count() -> None:
    state = replace(HOVERING, pulses=(0, 100))
    after, found = step(COUNTING, state, Event.TRUE, good(601))
    assert after.pulses == (100, 601)
    assert found == (Found(What.SET, 100, 38.1),)  # by its duration, not by its count
    state = replace(HOVERING, anchor=500, pulses=(0, 100))
    after, found = step(COUNTING, state, Event.TRUE, good(600))
    assert (after.pulses, found[0].since) == ((0, 100, 600), 0)


def test_only_a_new_activation_counts() -> None:
    state = replace(PENDING, pulses=(100,))
    after, _ = step(COUNTING, state, Event.TRUE, good(120))
    assert after.pulses == (100,)


def test_activations_are_remembered_over_a_cancelled_delay() -> None:
    state, _ = step(COUNTING, replace(PENDING, pulses=(80, 100)), Event.FALSE, low(130))
    after, found = step(COUNTING, state, Event.TRUE, good(160))
    assert after.stage is Stage.F2
    assert found[0].since == 80
    assert after.counted


def test_without_a_duration_only_the_count_sets_and_a_single_one_is_no_near_miss() -> None:
    only_count = Delays(on=None, needed=2, window=600)
    begun, found = step(only_count, CLEAR, Event.TRUE, good(100))
    assert (begun.due, found) == (None, ())
    gone, found = step(only_count, begun, Event.FALSE, low(9_000))
    assert (gone.stage, found) == (Stage.F0, ())


class TestExcursionsThatLateSamplesTellOf:
    @staticmethod
    def judged(*samples: Sample, delays: Delays = SLOW) -> tuple[Filter, list[Found]]:
        found: list[Found] = []
        state = CLEAR
        for sample in samples:
            state, told = step(delays, state, Event.LATE, sample)
            found += told
        return state, found

    def test_one_that_is_over_is_told_once_with_times_and_worst(self) -> None:
        trues = [late(at, Side.TRUE) for at in range(0, 301, 30)]
        trues[3] = trues[3]._replace(value=40.5)
        state, found = self.judged(*trues, late(330, Side.FALSE))
        assert state == CLEAR
        assert found == [Found(What.CORRECTION, 0, 40.5, 300, late=True)]

    def test_one_shorter_than_the_on_delay_is_not(self) -> None:
        trues = [late(at, Side.TRUE) for at in range(0, 299, 30)]
        assert self.judged(*trues, late(330, Side.FALSE)) == (CLEAR, [])

    def test_inside_the_deadband_neither_extends_nor_ends_it(self) -> None:
        state, found = self.judged(late(0, Side.TRUE), late(10, Side.INSIDE))
        assert (state.past, found) == (Past(0, 0, 39.0), [])

    def test_samples_in_any_order_make_one_excursion(self) -> None:
        state, _ = self.judged(late(30, Side.TRUE), late(0, Side.TRUE), late(60, Side.TRUE))
        assert state.past == Past(0, 60, 39.0)

    def test_a_gap_ends_it(self) -> None:
        state, _ = self.judged(late(0, Side.TRUE), late(31, Side.TRUE))
        assert state.past == Past(31, 31, 39.0)

    def test_a_false_one_from_before_it_does_not_end_it(self) -> None:
        state, _ = self.judged(late(10, Side.TRUE), late(10, Side.FALSE), late(5, Side.FALSE))
        assert state.past is not None

    def test_still_true_at_its_end_gives_the_alarm_its_true_start(self) -> None:
        state, _ = self.judged(late(1000, Side.TRUE), late(1030, Side.TRUE))
        after, found = step(SLOW, state, Event.TRUE, good(1300, newest=90))
        assert found == (Found(What.SET, 1000, 38.1),)
        assert after.stage is Stage.F2

    def test_a_good_sample_in_between_parts_it_from_what_is_true_now(self) -> None:
        trues = [late(at, Side.TRUE) for at in range(0, 301, 30)]
        state, _ = self.judged(*trues)
        after, found = step(SLOW, state, Event.TRUE, good(1300, newest=400))
        assert (after.anchor, found[0].what) == (1300, What.CORRECTION)

    def test_a_live_false_one_ends_it(self) -> None:
        trues = [late(at, Side.TRUE) for at in range(0, 301, 30)]
        state, _ = self.judged(*trues)
        after, found = step(SLOW, state, Event.FALSE, low(400))
        assert (after, found[0].what) == (CLEAR, What.CORRECTION)


def test_the_true_samples_that_are_remembered_are_bounded() -> None:
    state, _ = step(Delays(on=100_000), CLEAR, Event.TRUE, good(0))
    for at in range(1, 2_000):
        state, _ = step(Delays(on=100_000), state, Event.TRUE, good(at))
    assert KEPT // 2 <= len(state.trues) <= KEPT
    assert (state.trues[0], state.trues[-1]) == (0, 1_999)
    assert list(state.trues) == sorted(state.trues)
