"""One channel: what each kind of sample, and silence, does to it and to the rules on it."""

from math import inf

import pytest
from msgspec.structs import replace

from alerts.channel import ChannelSpec
from alerts.engine.filter import Found, Sample
from alerts.engine.filter_state import Filter, Stage
from alerts.engine.gauge import Beside
from alerts.engine.limits import Side
from alerts.engine.monitor import Monitor, Touched
from alerts.engine.signal import Signal, Trust
from alerts.engine.watch import Channel, News, Shown
from alerts.rule import Rule
from alerts.transition import What
from devices.duration import parse
from devices.quality import Quality

SPEC = ChannelSpec(id="inc1.x", quantity="temperature", period_ms=10_000, resolution=0.01)
HIGH = Rule(id="hot", channel=SPEC.id, kind="high", limit=38.0, deadband=0.2)
SLOW = replace(HIGH, on_delay=parse("1m"))
SILENT = replace(HIGH, id="silent", kind="silence", limit=None, deadband=0.0)
FAULTY = replace(SILENT, id="faulty", kind="out-of-range", good_after=2)
SPIKE = replace(HIGH, id="spike", kind="spike", limit=5.0, deadband=0.0)
ODD = replace(HIGH, id="odd", kind="disagreement", limit=3.0, against=("inc1.x", "inc1.x"))
APART = replace(HIGH, id="apart", kind="difference", limit=1.0, deadband=0.0, against=("inc1.x",))
GOOD = Signal(trust=Trust.GOOD, since=0, heard=1_000, good_at=1_000, value=37.0, run=1)
RISING = Filter(stage=Stage.F3, due=9_000, latest=Side.FALSE, returned=900)


def channel(*rules: Rule, signal: Signal = GOOD, heard_by: tuple[Rule, ...] = ()) -> Channel:
    monitors = [Monitor(rule, SPEC, None, n) for n, rule in enumerate(rules)]
    others = [Monitor(rule, SPEC, None, 9, others=(SPEC,) * len(rule.against)) for rule in heard_by]
    made = Channel(SPEC, monitors, [(monitor, 1) for monitor in others])
    made.signal = signal
    return made


def shown(
    at: int, value: float | None, quality: Quality = Quality.GOOD, *, live: bool = True
) -> Shown:
    return Shown(at, max(at, 1_500), value, quality, live)


def found(news: News) -> list[tuple[str, Found]]:
    """Which rules found what."""
    return [(one.monitor.rule.id, what) for one in news.touched for _, what in one.found]


def test_a_channel_sorts_its_rules_by_what_they_look_at() -> None:
    made = channel(HIGH, SILENT, FAULTY, SPIKE, heard_by=(APART,))
    made.monitors[0].removed = True
    made.define()
    assert made.values == []
    assert [m.rule.id for m in made.silences] == ["silent"]
    assert [m.rule.id for m in made.faults] == ["faulty"]
    assert [m.rule.id for m in made.screens] == ["spike"]
    assert [(m.rule.id, place) for m, place in made.heard_by] == [("apart", 1)]
    assert (made.allowance, made.needed, made.resting) == (30_000, 2, False)
    made.listeners[0][0].removed = True
    made.define()
    assert made.heard_by == []


def test_silence_is_allowed_for_the_shortest_that_a_rule_says() -> None:
    longer = replace(SILENT, on_delay=parse("5m"))
    assert channel(longer).allowance == 300_000
    assert channel(longer, replace(longer, on_delay=parse("4m"))).allowance == 240_000
    assert channel(HIGH).allowance == 30_000
    assert channel(HIGH).needed == 1


def test_a_band_is_what_is_calm_for_all_rules() -> None:
    low = replace(HIGH, kind="low", limit=36.0)
    assert channel(SILENT).band == (-inf, inf)
    below, above = channel(HIGH, low, replace(HIGH, limit=37.5)).band
    assert below == pytest.approx(36.2)
    assert above == pytest.approx(37.3)
    assert channel(HIGH, SPIKE).band == (inf, -inf)
    assert channel(HIGH, heard_by=(APART,)).band == (inf, -inf)


@pytest.mark.parametrize(
    ("at", "value", "resting", "passes"),
    [
        (1_001, 37.5, True, True),
        (1_000, 37.5, True, False),
        (1_001, 38.0, True, False),
        (1_001, None, True, False),
        (1_001, 37.5, False, False),
    ],
)
def test_a_calm_sample_passes_while_the_channel_rests(
    at: int, value: float | None, *, resting: bool, passes: bool
) -> None:
    made = channel(HIGH)
    made.resting = resting
    assert made.passes(at, value) is passes
    wanted = replace(GOOD, heard=at, good_at=at, value=value) if passes else GOOD
    assert made.signal == wanted


def test_a_channel_rests_when_it_is_good_and_all_its_rules_are_calm() -> None:
    made = channel(HIGH, SILENT, FAULTY)
    assert made.rest()
    for monitor in made.monitors:
        monitor.filters = (RISING,)
        assert not made.rest()
        assert not made.resting
        monitor.filters = (Filter(),)
    made.signal = replace(GOOD, trust=Trust.SUSPECT)
    assert not made.rest()


def test_silence_is_due_after_the_allowance() -> None:
    made = channel(HIGH)
    assert made.due() == 31_000
    made.resting = True
    assert made.due() == 31_000
    made.signal = replace(GOOD, floor=2_000)
    assert made.due() == 32_000
    made.resting = False
    made.signal = replace(GOOD, trust=Trust.STALE)
    assert made.due() is None
    blind = channel(replace(SILENT, on_delay=parse("20s")), signal=replace(GOOD, heard=5_000))
    assert blind.due() == 21_000
    blind.monitors[0].filters = (Filter(latest=Side.TRUE),)
    assert blind.due() == 25_000


def test_a_good_sample_is_shown_to_the_rules_and_is_the_newest() -> None:
    made = channel(HIGH, SILENT)
    news = made.hear(shown(2_000, 38.0))
    assert (news.channel, news.told) == (made, "")
    assert found(news) == [("hot", Found(What.SET, 2_000, 38.0))]
    assert made.signal == replace(GOOD, heard=2_000, good_at=2_000, value=38.0)


def test_a_sample_that_moves_nothing_touches_nothing() -> None:
    made = channel(HIGH, SILENT, FAULTY)
    assert made.hear(shown(2_000, 37.5)).touched == ()
    assert made.signal.value == 37.5


def test_the_first_sample_is_told() -> None:
    made = channel(HIGH, signal=Signal(since=0))
    assert made.hear(shown(2_000, 37.5)).told == "first sample"
    assert made.signal == Signal(
        trust=Trust.GOOD, since=0, heard=2_000, good_at=2_000, value=37.5, run=1
    )


def test_a_late_sample_is_judged_as_late_and_is_not_the_newest() -> None:
    made = channel(SLOW)
    made.hear(shown(1_100, 38.5))
    news = made.hear(shown(900, 38.5))
    assert (found(news), made.signal.good_at) == ([], 1_100)
    assert made.monitors[0].filters[0].anchor == 1_100
    assert made.hear(shown(1_050, 38.5)).told == ""
    assert made.monitors[0].filters[0].anchor == 1_050


def test_what_comes_from_a_buffer_in_time_is_judged_and_proves_no_life() -> None:
    made = channel(HIGH, SILENT, FAULTY, signal=replace(GOOD, trust=Trust.STALE))
    made.monitors[1].filters = (replace(RISING, stage=Stage.F2, latest=Side.TRUE),)
    news = made.hear(shown(2_000, 38.5, live=False))
    assert found(news) == [("hot", Found(What.SET, 2_000, 38.5))]
    assert (made.signal.trust, made.signal.heard) == (Trust.STALE, 1_000)
    assert made.signal.good_at == 2_000


def test_what_comes_from_a_buffer_after_the_allowance_is_late() -> None:
    made = channel(HIGH)
    for now, late in ((32_000, False), (32_001, True)):
        made.signal = GOOD
        made.monitors[0].filters = (Filter(),)
        news = made.hear(Shown(2_000, now, 38.5, Quality.GOOD, live=False))
        assert (found(news) == []) is late


def test_a_good_sample_ends_silence_and_after_enough_of_them_a_fault() -> None:
    made = channel(SILENT, FAULTY, signal=replace(GOOD, trust=Trust.BAD, run=0, code="x"))
    for monitor in made.monitors:
        monitor.filters = (Filter(stage=Stage.F2, latest=Side.TRUE),)
    first = made.hear(shown(2_000, 37.0))
    assert found(first) == [("silent", Found(What.CLEAR, 2_000, 37.0))]
    second = made.hear(shown(3_000, 37.1))
    assert second.told == "good again, was x"
    assert found(second) == [("faulty", Found(What.CLEAR, 3_000, 37.1))]


@pytest.mark.parametrize("quality", [Quality.OUT_OF_RANGE, Quality.SENSOR_FAULT])
def test_a_fault_is_told_with_its_code_and_proves_nothing_of_the_process(quality: Quality) -> None:
    made = channel(HIGH, FAULTY)
    made.monitors[0].filters = (RISING,)
    news = made.hear(shown(2_000, None, quality))
    assert news.told == f"bad: {quality.word}"
    assert found(news) == [("faulty", Found(What.SET, 2_000, 0.0))]
    assert made.monitors[0].filters[0].stage is Stage.F2
    assert made.signal == replace(GOOD, trust=Trust.BAD, heard=2_000, run=0, code=quality.word)


@pytest.mark.parametrize("quality", [Quality.SUSPECT, Quality.IN_CALIBRATION, Quality.TEST])
def test_a_value_that_is_not_to_be_relied_on_is_no_silence(quality: Quality) -> None:
    made = channel(HIGH, FAULTY)
    made.monitors[0].filters = (RISING,)
    news = made.hear(shown(2_000, 45.0, quality))
    assert (news.told, found(news)) == (f"suspect: {quality.word}", [])
    assert made.monitors[0].filters[0].stage is Stage.F2
    assert made.signal == replace(GOOD, trust=Trust.SUSPECT, heard=2_000, run=0, code=quality.word)


@pytest.mark.parametrize("quality", [Quality.NO_ANSWER, Quality.STALE])
def test_absence_is_silence_and_proves_no_return(quality: Quality) -> None:
    made = channel(HIGH)
    made.monitors[0].filters = (RISING,)
    news = made.hear(shown(2_000, None, quality))
    assert (news.told, made.signal) == ("", GOOD)
    assert made.monitors[0].filters[0].stage is Stage.F2


@pytest.mark.parametrize(("at", "live"), [(1_000, True), (999, True), (2_000, False)])
def test_a_fault_from_the_past_is_no_news(at: int, *, live: bool) -> None:
    made = channel(HIGH, FAULTY)
    assert made.hear(shown(at, None, Quality.SENSOR_FAULT, live=live)) == News(made, "", ())
    assert made.signal == GOOD


def test_of_two_values_for_one_time_the_worse_counts() -> None:
    made = channel(HIGH)
    assert made.hear(shown(1_000, 37.0)) == News(made, "", ())
    milder = made.hear(shown(1_000, 36.0))
    assert (milder.told, milder.touched) == ("two values for one time; the worse counts", ())
    assert made.signal.value == 37.0
    worse = made.hear(shown(1_000, 38.5))
    assert found(worse) == [("hot", Found(What.SET, 1_000, 38.5))]
    assert made.signal.value == 38.5


def test_what_a_screen_holds_back_is_neither_good_nor_silence() -> None:
    made = channel(HIGH, SPIKE)
    made.monitors[0].filters = (RISING,)
    made.hear(shown(1_100, 37.0))
    made.monitors[0].filters = (RISING,)
    news = made.hear(shown(2_000, 45.0))
    assert news.told == "suspect: spike"
    assert found(news) == [("spike", Found(What.SET, 2_000, 45.0))]
    assert made.monitors[0].filters[0].stage is Stage.F2
    assert (made.signal.heard, made.signal.good_at, made.signal.value) == (2_000, 1_100, 37.0)
    assert (made.signal.trust, made.signal.code) == (Trust.SUSPECT, "spike")


@pytest.mark.parametrize(("at", "live"), [(1_000, True), (2_000, False)])
def test_only_live_samples_are_screened(at: int, *, live: bool) -> None:
    made = channel(SPIKE)
    made.monitors[0].screen(Sample(at=900, now=900, value=37.0))
    made.hear(shown(at, 45.0, live=live))
    assert made.signal.trust is Trust.GOOD


def test_others_overhear_it_at_their_place() -> None:
    made = channel(heard_by=(APART, ODD))
    news = made.hear(shown(2_000, 37.0))
    assert [one.monitor.rule.id for one in news.touched] == ["apart", "odd"]
    for monitor, place in made.heard_by:
        assert isinstance(monitor.gauge, Beside)
        assert monitor.gauge.newest[place] == (2_000, 37.0)


def test_silence_is_told_when_the_allowance_is_over() -> None:
    made = channel(HIGH, SILENT)
    made.monitors[0].filters = (RISING,)
    assert made.miss(30_999, 30_999) == News(made, "", ())
    news = made.miss(31_000, 31_200)
    assert news.told == "no sample"
    assert found(news) == [("silent", Found(What.SET, 31_000, 0.0))]
    assert made.monitors[0].filters[0].stage is Stage.F2
    assert made.signal.trust is Trust.STALE
    assert made.miss(40_000, 40_000) == News(made, "", ())


def test_a_rule_with_a_longer_allowance_waits_for_it() -> None:
    patient = replace(SILENT, on_delay=parse("1m"))
    made = channel(SILENT, replace(patient, id="patient"))
    assert found(made.miss(31_000, 31_000)) == [("silent", Found(What.SET, 31_000, 0.0))]
    assert found(made.miss(60_999, 60_999)) == []
    assert found(made.miss(61_000, 61_000)) == [("patient", Found(What.SET, 61_000, 0.0))]


def test_a_restart_allows_silence_anew() -> None:
    made = channel(HIGH)
    made.resting = True
    made.restart(5_000)
    assert (made.signal, made.resting) == (replace(GOOD, floor=5_000), False)


def test_after_a_restart_the_newest_sample_is_judged_again() -> None:
    made = channel(HIGH, SILENT, signal=replace(GOOD, value=38.5))
    hot, silent = made.monitors
    made.resting = True
    assert made.rejudge(hot, 5_000) == Touched(hot, -1, ((0, Found(What.SET, 1_000, 38.5)),))
    assert not made.resting
    assert made.rejudge(silent, 5_000) == Touched(silent, -1, ())
    for signal in (replace(GOOD, value=None), replace(GOOD, good_at=None)):
        nothing = channel(HIGH, signal=signal)
        (hot,) = nothing.monitors
        assert nothing.rejudge(hot, 5_000) == Touched(hot, -1, ())


def test_a_fault_is_shown_to_the_rules_on_values_and_to_those_on_faults() -> None:
    made = channel(SLOW, FAULTY)
    news = made.hear(shown(2_000, None, Quality.SENSOR_FAULT))
    assert [one.monitor.rule.id for one in news.touched] == ["hot", "faulty"]
