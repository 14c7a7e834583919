"""What the engine does with samples that are no good, and with some that come twice."""

from msgspec.structs import replace

from alerts.transition import What
from devices.duration import Duration, parse
from devices.quality import Quality
from devices.scan import Source
from tests.unit.alerts.engine.lab import (  # a test's own
    BRIEF,
    BROKEN,
    HOT,
    SILENT,
    START,
    brief_lab,
    ms,
)


class TestQuality:
    def test_a_broken_probe_that_falls_silent_is_one_alarm(self) -> None:
        room = brief_lab(BROKEN, SILENT)
        room.sample("0:00", 37.0)
        room.sample("0:10", None, quality=Quality.SENSOR_FAULT)
        room.ticks("1:00")
        assert room.said(What.QUEUED) == ["0:00:10 queued broken A"]
        assert room.engine.view("silent").under == "broken"
        assert room.engine.view("broken").consequences == ("silent",)
        assert room.last(What.QUALITY).why == "no sample, after sensor_fault"

    def test_a_silent_device_that_comes_back_broken_is_one_alarm(self) -> None:
        room = brief_lab(BROKEN, SILENT)
        room.sample("0:00", 37.0)
        room.sample("1:00", None, quality=Quality.SENSOR_FAULT)
        assert room.said(What.QUEUED) == ["0:00:30 queued silent A"]
        assert room.engine.view("broken").under == "silent"

    def test_without_a_rule_on_faults_a_broken_probe_is_a_silent_one(self) -> None:
        room = brief_lab(SILENT)
        room.sample("0:00", 37.0)
        for at in range(10_000, 50_000, 10_000):
            room.sample(at, None, quality=Quality.SENSOR_FAULT)
        assert room.said(What.SET) == ["0:00:30 set silent"]
        assert room.engine.view("silent").quality == "BAD"

    def test_no_answer_is_not_a_sample(self) -> None:
        room = brief_lab(SILENT)
        room.sample("0:00", 37.0)
        for at in range(10_000, 50_000, 10_000):
            room.sample(at, None, quality=Quality.NO_ANSWER)
        assert room.said(What.SET) == ["0:00:30 set silent"]
        assert room.engine.view("silent").quality == "STALE"

    def test_a_rule_says_how_long_silence_is_allowed(self) -> None:
        room = brief_lab(replace(SILENT, on_delay=parse("2m")))
        room.sample("0:00", 37.0)
        room.ticks("5:00")
        assert room.said(What.SET) == ["0:02:00 set silent"]

    def test_each_rule_on_silence_allows_its_own_time(self) -> None:
        room = brief_lab(SILENT, replace(SILENT, id="longer", on_delay=parse("2m")))
        room.sample("0:00", 37.0)
        room.ticks("5:00")
        assert room.said(What.SET) == ["0:00:30 set silent", "0:02:00 set longer"]

    def test_enough_good_samples_end_a_fault(self) -> None:
        room = brief_lab(replace(BROKEN, good_after=3))
        room.sample("0:00", None, quality=Quality.OUT_OF_RANGE)
        room.hold("0:10", "0:20", 37.0)
        assert room.engine.view("broken").state == "U"
        room.sample("0:30", 37.0)
        assert room.said(What.CLEAR) == ["0:00:30 clear broken"]

    def test_a_fault_with_a_delay_waits_for_it(self) -> None:
        room = brief_lab(replace(BROKEN, on_delay=parse("1m")))
        room.sample("0:00", None, quality=Quality.OUT_OF_RANGE)
        room.sample("0:30", 37.0)
        room.sample("0:40", None, quality=Quality.OUT_OF_RANGE)
        room.ticks("2:00")
        assert room.said(What.SET) == ["0:01:40 set broken"]

    def test_a_value_with_an_unsure_clock_counts_from_its_arrival(self) -> None:
        room = brief_lab(HOT)
        room.sample("0:10", 38.1, quality=Quality.CLOCK_UNSURE, taken="0:00")
        assert room.engine.view("hot").value_at == START + ms("0:10")

    def test_a_test_scan_pages_nobody(self) -> None:
        room = brief_lab()
        room.sample("0:00", 45.0, source=Source.TEST)
        assert room.count(What.SET) == 0

    def test_bad_quality_ends_an_off_delay(self) -> None:
        room = brief_lab(replace(HOT, on_delay=Duration(0)))
        room.sample("0:00", 38.1)
        room.sample("0:10", 37.0)
        room.sample("0:20", None, quality=Quality.NO_ANSWER)
        room.ticks("5:00")
        assert room.count(What.CLEAR) == 0

    def test_silence_ends_an_off_delay_too(self) -> None:
        room = brief_lab(replace(HOT, on_delay=Duration(0)))
        room.sample("0:00", 38.1)
        room.sample("0:10", 37.0)
        room.ticks("5:00")
        assert room.count(What.CLEAR) == 0
        assert room.engine.view("hot").filter == "F2"


class TestRepeats:
    def test_a_repeat_inside_the_gap_pages_at_its_end(self) -> None:
        room = brief_lab(SILENT, BRIEF)
        room.sample("0:00", 38.1)
        room.sample("0:10", 37.0)
        room.hold("0:20", "11:00", 38.1)
        assert room.said(What.QUEUED) == ["0:00:00 queued hot A", "0:10:00 queued hot A"]
        assert room.engine.view("hot").activation == 2

    def test_a_repeat_that_is_over_by_then_does_not(self) -> None:
        room = brief_lab()
        room.sample("0:00", 38.1)
        room.sample("0:10", 37.0)
        room.sample("0:20", 38.1)
        room.hold("0:30", "11:00", 37.0)
        assert room.said(What.QUEUED) == ["0:00:00 queued hot A"]
