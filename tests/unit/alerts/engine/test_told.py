"""What the engine tells of samples, of quality and of time, in full."""

import msgspec
from msgspec.structs import replace

from alerts.rule import Limit, Rule
from alerts.transition import What
from devices.duration import Duration, parse
from devices.quality import Quality
from devices.scan import Source
from storage.entry import Tick
from tests.unit.alerts.engine.lab import CHAIN, HOT, START, Lab, rulebook  # a test's own

BRIEF = replace(HOT, on_delay=Duration(0), off_delay=Duration(0), severity="high")
STEPPED = replace(BRIEF, steps=(Limit(limit=40.0, severity="critical"),))
SILENT = Rule(id="silent", channel=HOT.channel, kind="silence", severity="medium", policy="chain")
POWER = replace(BRIEF, id="power", kind="low", limit=10.0, deadband=1.0)


def lab(*rules: Rule) -> Lab:
    return Lab(rulebook(rules))


def spelt(room: Lab, *kinds: What) -> list[dict[str, object]]:
    """All fields of what was told of these kinds, but the channel and the times."""
    told = []
    for one in room.told:
        if one.what in kinds:
            fields = msgspec.to_builtins(one)
            assert fields.pop("channel") == HOT.channel
            fields["at"] = (one.at - START) // 1_000
            if one.since is not None:
                fields["since"] = (one.since - START) // 1_000
            told.append(fields)
    return told


def test_a_near_miss_is_told_with_its_peak_and_both_ends() -> None:
    room = lab(HOT)
    room.sample("0:10", 38.1)
    room.sample("0:20", 39.0)
    room.sample("0:30", 37.0)
    assert spelt(room, What.NEAR_MISS) == [
        {
            "at": 30,
            "what": "near_miss",
            "rule": "hot",
            "severity": "critical",
            "since": 10,
            "why": "over the limit for less than 5m",
            "value": 39.0,
            "detail": {"until": "2026-01-05 08:00:30 UTC"},
        }
    ]


def test_a_near_miss_is_of_no_occurrence_and_nobody_is_told() -> None:
    room = lab(replace(HOT, on_delay=parse("20s"), off_delay=Duration(0)))
    room.hold("0:10", "0:30", 39.0)
    room.sample("0:40", 37.0)
    room.order("0:45", "ack")
    told = room.count(What.NOTICE)
    room.sample("0:50", 39.0)
    room.sample("1:00", 37.0)
    missed = room.last(What.NEAR_MISS)
    assert (missed.occurrence, missed.activation) == (None, None)
    assert room.count(What.NOTICE) == told


def test_of_an_excursion_that_is_over_those_are_told_who_have_an_older_one_to_acknowledge() -> None:
    room = lab(replace(HOT, on_delay=parse("20s"), off_delay=Duration(0)))
    room.hold("0:10", "0:30", 39.0)
    room.sample("0:40", 37.0)
    room.sample("5:00", 37.0)
    for taken in ("1:00", "1:10", "1:20"):
        room.sample("5:05", 39.0, taken=taken, source=Source.BACKFILL)
    room.sample("5:10", 37.0)
    assert room.engine.view("hot").state == "R"
    correction, notice = room.last(What.CORRECTION), room.last(What.NOTICE)
    assert (correction.occurrence, correction.activation) == (None, None)
    assert (notice.occurrence, notice.severity, notice.why[:21]) == (
        None,
        "",
        "over the limit from 2",
    )


def test_two_limits_that_late_samples_set_at_once_began_with_the_first() -> None:
    room = lab(replace(STEPPED, on_delay=parse("1m40s")))
    room.sample("0:30", 37.0)
    room.sample("2:30", 38.5, taken="0:40", source=Source.BACKFILL)
    room.sample("2:30", 41.0, taken="1:00", source=Source.BACKFILL)
    room.sample("2:40", 41.0)
    told = room.last(What.SET)
    assert (told.since, told.severity) == (START + 40_000, "critical")


def test_a_cause_that_is_over_explains_nothing_while_it_waits_for_its_acknowledgement() -> None:
    cause = replace(POWER, channel="ups.charge", re_alarm=parse("30m"))
    room = Lab(
        rulebook(
            [cause, replace(BRIEF, inhibited_by="power")], channels=(HOT.channel, cause.channel)
        )
    )
    room.sample("0:00", 5.0, of=cause.channel)
    room.sample("0:10", 50.0, of=cause.channel)
    room.sample("0:20", 39.0)
    room.ticks("30:10")
    assert room.last(What.NOTICE).why == "returned to normal, still to be acknowledged"
    assert room.count(What.INHIBITED) == 0
    assert room.engine.view("hot").under == ""


def test_only_the_first_limit_has_near_misses() -> None:
    stepped = replace(STEPPED, on_delay=parse("5m"), kind="high")
    room = lab(stepped)
    room.sample("0:10", 41.0)
    room.sample("0:20", 37.0)
    assert [one["severity"] for one in spelt(room, What.NEAR_MISS)] == ["high"]


def test_an_excursion_that_late_samples_tell_of_is_told_to_who_would_have_been_paged() -> None:
    room = lab(replace(HOT, on_delay=parse("20s")))
    room.sample("0:00", 37.0)
    room.sample("5:00", 37.0)
    for taken in ("1:00", "1:10", "1:20"):
        room.sample("5:05", 39.0, taken=taken, source=Source.BACKFILL)
    room.sample("5:10", 37.0)
    correction, notice = spelt(room, What.CORRECTION, What.NOTICE)
    common = {"at": 310, "rule": "hot", "since": 60, "value": 39.0, "late": True}
    assert correction == common | {
        "what": "correction",
        "severity": "critical",
        "why": "an excursion that late samples tell of; it is over and pages nobody",
        "detail": {"until": "2026-01-05 08:01:20 UTC"},
    }
    span = "from 2026-01-05 08:01:00 UTC to 2026-01-05 08:01:20 UTC"
    assert notice == common | {
        "what": "notice",
        "to": "A",
        "why": f"over the limit {span}, as late readings tell; it is over",
    }


def test_quality_is_told_once_with_the_severity_of_the_first_rule_that_cares() -> None:
    room = lab(BRIEF, SILENT)
    room.sample("0:00", 37.0)
    room.sample("0:10", None, quality=Quality.SENSOR_FAULT)
    room.ticks("1:00")
    room.sample("1:10", 37.0)
    first, bad, silent, again = spelt(room, What.QUALITY)
    assert first == {
        "at": 0,
        "what": "quality",
        "rule": "silent",
        "severity": "advisory",
        "since": 0,
        "why": "first sample",
        "detail": {"quality": "GOOD"},
    }
    assert bad == first | {
        "at": 10,
        "severity": "medium",
        "since": 10,
        "why": "bad: sensor_fault",
        "detail": {"quality": "BAD"},
    }
    assert silent == bad | {
        "at": 40,
        "why": "no sample, after sensor_fault",
        "detail": {"quality": "STALE"},
    }
    assert again == first | {"at": 70, "since": 70, "why": "samples again"}


def test_a_channel_that_never_reported_has_no_newest_sample() -> None:
    room = lab(BRIEF)
    room.ticks("0:30")
    (told,) = spelt(room, What.QUALITY)
    assert told == {
        "at": 30,
        "what": "quality",
        "rule": "hot",
        "severity": "high",
        "why": "never reported",
        "detail": {"quality": "NEVER"},
    }


def test_a_suspect_value_is_an_advisory() -> None:
    room = lab(BRIEF)
    room.sample("0:00", 37.0, quality=Quality.SUSPECT)
    (told,) = spelt(room, What.QUALITY)
    assert (told["severity"], told["detail"]) == ("advisory", {"quality": "SUSPECT"})


def test_set_rise_fall_and_clear_carry_the_values_that_made_them() -> None:
    room = lab(STEPPED)
    for at, value in (("0:10", 38.5), ("0:20", 41.0), ("0:30", 39.0), ("0:40", 37.0)):
        room.sample(at, value)
    common = {"rule": "hot", "occurrence": 1, "activation": 1}
    assert spelt(room, What.SET, What.SEV_UP, What.SEV_DOWN, What.CLEAR) == [
        common
        | {
            "at": 10,
            "what": "set",
            "severity": "high",
            "since": 10,
            "why": "38.5 degC at or above 38 degC",
            "value": 38.5,
        },
        common
        | {
            "at": 20,
            "what": "sev_up",
            "severity": "critical",
            "why": "41 degC at or above 40 degC",
            "value": 41.0,
        },
        common
        | {
            "at": 30,
            "what": "sev_down",
            "severity": "high",
            "why": "back at 39 degC",
            "value": 39.0,
        },
        common
        | {
            "at": 40,
            "what": "clear",
            "severity": "critical",
            "since": 40,
            "why": "back at 37 degC",
            "value": 37.0,
        },
    ]


def test_a_fall_that_an_edit_makes_names_no_value() -> None:
    room = lab(STEPPED)
    room.sample("0:10", 41.0)
    steps = '[{"limit": 42.0, "severity": "critical"}]'
    room.order("0:15", "edit", steps=steps)
    (fell,) = spelt(room, What.SEV_DOWN)
    assert fell["why"] == "by its definition now, a higher limit does not hold"
    assert "value" not in fell
    assert "late" not in fell


def test_what_is_done_long_after_it_was_due_is_marked_late() -> None:
    for at, late in ((305_000, False), (305_001, True)):
        room = lab(HOT)
        room.sample("0:00", 38.1)
        room.feed(Tick(room.wall(at)))
        assert {one.late for one in room.told if one.what in {What.SET, What.QUEUED}} == {late}
        assert room.last(What.SET).since == START


def test_a_consequence_pages_after_its_own_delay_when_its_cause_is_over() -> None:
    warm = replace(HOT, id="warm", inhibited_by="power", on_delay=parse("1m"))
    room = lab(POWER, warm)
    room.sample("0:00", 5.0)
    assert room.said(What.SET) == ["0:00:00 set power"]
    room.order("0:05", "edit", target="power", limit="1")
    room.hold("0:10", "1:10", 39.0)
    assert room.said(What.QUEUED, rule="warm") == ["0:01:10 queued warm A"]
    assert room.last(What.QUEUED).why == "39 degC at or above 38 degC for 1m"


def released(*, gap_ms: int = 60_000) -> Lab:
    """Hot is listed under the power that fails, and then is not."""
    cold = replace(BRIEF, id="cold", kind="low", limit=39.0, deadband=0.0)
    hot = replace(BRIEF, inhibited_by="cold", on_delay=Duration(gap_ms), limit=38.0)
    room = lab(cold, hot)
    room.hold(0, gap_ms, 38.5)
    return room


def test_what_is_still_active_when_its_cause_is_over_says_so() -> None:
    room = released()
    (listed,) = [one for one in room.told if one.what is What.INHIBITED]
    assert (listed.why, listed.detail) == (
        "listed under cold, which explains it",
        {"cause": "cold"},
    )
    assert room.engine.view("hot").under == "cold"
    assert room.engine.view("cold").consequences == ("hot",)
    room.sample("1:10", 39.5)
    room.hold("1:20", "2:00", 39.5)
    assert room.said(What.QUEUED, rule="hot") == []
    room.hold("2:00", "2:10", 39.5)
    assert room.said(What.QUEUED, rule="hot") == ["0:02:10 queued hot A"]
    assert room.last(What.QUEUED).why == "still active although what explained it is over"


def test_a_consequence_without_a_delay_pages_in_the_same_instant() -> None:
    room = released(gap_ms=0)
    room.sample("0:10", 39.5)
    assert room.said(What.QUEUED, rule="hot") == ["0:00:10 queued hot A"]


def test_a_page_that_waited_for_the_gap_says_what_it_is() -> None:
    room = Lab(rulebook([BRIEF], policies=[replace(CHAIN, repeat_gap=parse("10m"))]))
    room.sample("0:10", 39.0)
    room.sample("0:20", 37.0)
    room.sample("0:30", 39.0)
    room.hold("0:40", "10:10", 39.0)
    queued = [one for one in room.told if one.what is What.QUEUED]
    assert [(one.at - START) // 1_000 for one in queued] == [10, 610]
    assert queued[1].why == "active again; the gap between repeated pages is over"


def test_a_door_suppresses_before_the_chamber_warms_in_the_same_scan() -> None:
    door = replace(BRIEF, id="door", kind="low", limit=39.5, deadband=0.0, policy="")
    hot = replace(BRIEF, suppress_by="door", suppress_cap=parse("10m"))
    room = lab(hot, door)
    room.sample("0:00", 39.0)
    assert room.count(What.QUEUED) == 0
    assert room.last(What.SUPPRESSED).why == (
        "suppressed while door holds, until 2026-01-05 08:10:00 UTC at the latest"
    )
    assert [(one.rule, one.held) for one in room.told if one.what is What.SET] == [
        ("hot", "DS"),
        ("door", ""),
    ]
    room.sample("0:10", 39.6)
    assert room.last(What.UNSUPPRESSED).why == "door holds is over"
    assert room.said(What.QUEUED) == ["0:00:10 queued hot A"]
    assert room.last(What.QUEUED).why == "still active; door holds is over"


def test_a_removed_cause_explains_and_suppresses_nothing_any_more() -> None:
    door = replace(BRIEF, id="door", kind="low", limit=39.5, deadband=0.0, policy="")
    hot = replace(BRIEF, suppress_by="door", suppress_cap=parse("10m"))
    room = lab(hot, door)
    room.sample("0:00", 39.0)
    room.order("0:05", "remove", target="door")
    assert room.engine.view("hot").overlay == "none"
    assert room.said(What.QUEUED) == ["0:00:05 queued hot A"]
    kept = room.engine.rulebook.rules
    assert [(rule.id, rule.suppress_by) for rule in kept] == [("hot", None)]


def test_an_acknowledgement_of_the_cause_releases_nothing() -> None:
    room = released()
    room.order("1:05", "ack", target="cold")
    assert room.engine.view("hot").under == "cold"
    room.hold("1:10", "3:00", 38.5)
    assert room.said(What.QUEUED, rule="hot") == []


def test_what_a_late_sample_sets_is_marked_late() -> None:
    room = lab(HOT)
    room.hold("4:00", "8:50", 38.5)
    assert room.count(What.SET) == 0
    room.sample("8:55", 38.5, taken="3:45", source=Source.BACKFILL)
    told = room.last(What.SET)
    assert (told.late, told.since) == (True, START + 225_000)


def test_an_alarm_that_flapped_says_when_it_has_calmed_down() -> None:
    room = lab(replace(BRIEF, flapping=3, flapping_window=parse("2m")))
    for at in range(10_000, 60_001, 10_000):
        room.sample(at, 39.0 if at // 10_000 % 2 else 37.0)
    room.hold("1:10", "3:00", 37.0)
    flapping = [one for one in room.told if one.what is What.FLAPPING]
    # It is over when the second of the newest two activations is two minutes old.
    assert [((one.at - START) // 1_000, one.detail["state"]) for one in flapping] == [
        (50, "begins"),
        (150, "ends"),
    ]
