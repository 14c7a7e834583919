"""Rules from files: patterns, cross-checks, and errors that name the place."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from alerts.channel import ChannelSpec
from alerts.policy import Person, Policy, Step
from alerts.rule import Limit, Rule
from alerts.rulebook import Rulebook, RuleError, build, decode, encode, load
from devices.duration import Duration, parse

CHANNELS = [
    ChannelSpec(
        id=name, quantity="temperature", period_ms=10_000, resolution=0.1, range=(-10.0, 60.0)
    )
    for name in ("inc1.temperature", "inc2.temperature", "room.temperature", "inc1.oxygen")
]
POLICY = Policy(id="standard", steps=(Step(after=Duration(0), to=("A",)),))
HOUR = parse("1h")
HOT = Rule(id="hot", channel="inc1.temperature", kind="high", limit=38.0, policy="standard")
GOOD = """
[[rule]]
id = "{device}-{key}-high"
channel = "inc*.temperature"
kind = "high"
limit = 38.0
on_delay = "5m"
policy = "standard"
inhibited_by = "{device}-very-high"
cause = "The door of {device} is open, or its heater fails."
consequence = "Cells die."
action = "Close the door."
respond_within = "30m"

[[rule]]
id = "{device}-very-high"
channel = "inc?.temperature"
kind = "high"
limit = 40.0
policy = "standard"
cause = "x"
consequence = "y"
action = "z"
respond_within = "5m"
"""


def of(*rules: Rule, policies: tuple[Policy, ...] = (POLICY,)) -> Rulebook:
    return build(rules, channels=CHANNELS, policies=policies)


def file(tmp_path: Path, text: str, name: str = "rules.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def loaded(*paths: Path) -> Rulebook:
    return load(paths, channels=CHANNELS, policies=[POLICY], people=[Person(id="A")])


def test_a_pattern_makes_one_rule_for_each_channel_in_the_order_of_the_file(
    tmp_path: Path,
) -> None:
    book = loaded(file(tmp_path, GOOD))
    assert [(rule.id, rule.channel) for rule in book.rules] == [
        ("inc1-temperature-high", "inc1.temperature"),
        ("inc2-temperature-high", "inc2.temperature"),
        ("inc1-very-high", "inc1.temperature"),
        ("inc2-very-high", "inc2.temperature"),
    ]
    first = book.rules[1]
    assert first.inhibited_by == "inc2-very-high"
    assert first.cause.startswith("The door of inc2")
    assert first.on_delay == 300_000


def test_the_digest_is_of_what_is_in_it_and_survives_being_written(tmp_path: Path) -> None:
    book = loaded(file(tmp_path, GOOD))
    assert len(book.digest) == 64
    assert decode(encode(book)) == book
    assert decode(encode(book)).digest == book.digest
    assert loaded(file(tmp_path, GOOD.replace("5m", "6m"))).digest != book.digest


def test_a_stored_rulebook_that_is_damaged_says_so() -> None:
    with pytest.raises(RuleError, match="stored rulebook"):
        decode(b"{")


def test_all_mistakes_are_told_each_with_file_and_line(tmp_path: Path) -> None:
    first = file(tmp_path, GOOD.replace("limit = 40.0", "limit = 400.0"), "a.toml")
    second = file(
        tmp_path, '[[rule]]\nid = "x"\nkind = "hi"\nchannel = "inc1.temperature"\n', "b.toml"
    )
    third = tmp_path / "missing.toml"
    with pytest.raises(RuleError) as caught:
        loaded(first, second, third)
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert lines[0].startswith(f"{second}:3: rule[0].kind: 'hi' is not known here; did")
    assert "missing.toml: cannot be read" in lines[1]
    assert lines[2].startswith(f"{first}:19: rule 'inc1-very-high': limit 400 is outside")
    assert lines[3].startswith(f"{first}:19: rule 'inc2-very-high': limit 400 is outside")


def test_a_rule_in_a_file_says_why_it_exists(tmp_path: Path) -> None:
    text = GOOD.replace('consequence = "Cells die."\n', "").replace('respond_within = "5m"\n', "")
    with pytest.raises(RuleError) as caught:
        loaded(file(tmp_path, text))
    assert "inc1-temperature-high': it must say consequence" in str(caught.value)
    assert "inc1-very-high': it must say respond_within" in str(caught.value)


def test_in_a_story_it_need_not() -> None:
    assert of(HOT).rules == (HOT,)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        pytest.param({"id": ""}, "needs an id", id="no id"),
        pytest.param({"channel": "inc9.temperature"}, "there is no channel", id="channel"),
        pytest.param({"channel": "ln*.level"}, "no channel matches", id="pattern"),
        pytest.param({"policy": "none"}, "no policy is called 'none'", id="policy"),
        pytest.param({"limit": None}, "needs a limit", id="limit missing"),
        pytest.param({"limit": 60.1}, "limit 60.1 is outside", id="limit above the range"),
        pytest.param({"limit": -10.1}, "limit -10.1 is outside", id="limit below the range"),
        pytest.param({"deadband": 48.1}, "clears at -10.1", id="never clears"),
        pytest.param({"kind": "low", "deadband": 23}, "clears at 61", id="low never clears"),
        pytest.param({"deadband": -0.1}, "not negative", id="deadband"),
        pytest.param(
            {"kind": "discrete", "deadband": float("nan")},
            "nan is no value that anything measures",
            id="no number",
        ),
        pytest.param({"kind": "count"}, "needs count and window", id="count"),
        pytest.param({"count": 3}, "go together", id="count without window"),
        pytest.param({"window": Duration(1)}, "go together", id="window without count"),
        pytest.param({"count": 0, "window": Duration(1)}, "at least 1", id="count of none"),
        pytest.param({"count": 1, "window": Duration(0)}, "no length", id="window of nothing"),
        pytest.param({"re_alarm": Duration(0)}, "greater than nothing", id="re_alarm"),
        pytest.param({"good_after": 0}, "good_after is at least 1", id="good_after"),
        pytest.param({"inhibited_by": "ghost"}, "there is no such rule", id="no cause"),
        pytest.param({"inhibited_by": "hot"}, "in a circle: hot → hot", id="own cause"),
        pytest.param(
            {"kind": "silence", "on_delay": Duration(9_999)}, "shorter than", id="silence"
        ),
        pytest.param(
            {"kind": "discrete", "limit": 99.0}, "limit 99 is outside", id="state never taken"
        ),
        pytest.param(
            {"steps": (Limit(limit=38.0, severity="critical"),)}, "go on rising", id="same limit"
        ),
        pytest.param(
            {"steps": (Limit(limit=39.0, severity="high"),)}, "severities of steps", id="severity"
        ),
        pytest.param(
            {"steps": (Limit(limit=61.0, severity="critical"),)}, "limit 61", id="step range"
        ),
        pytest.param(
            {"kind": "low", "steps": (Limit(limit=39.0, severity="critical"),)},
            "go on falling",
            id="low steps",
        ),
        pytest.param({"suppress_by": "ghost"}, "there is no such rule", id="no suppressor"),
        pytest.param(
            {"suppress_by": "hot", "suppress_cap": HOUR}, "does not suppress itself", id="itself"
        ),
        pytest.param({"flapping": 5}, "go together", id="flapping without window"),
        pytest.param({"flapping": 2, "flapping_window": HOUR}, "at least 3", id="flapping soon"),
        pytest.param({"kind": "rate"}, "need the window", id="rate without window"),
        pytest.param({"kind": "rate", "limit": 0.0, "window": HOUR}, "is no limit", id="no rate"),
        pytest.param(
            {"kind": "rate", "window": Duration(119_999)}, "at least 2m", id="window too short"
        ),
        pytest.param(
            {"kind": "time-to-limit", "window": HOUR, "deadband": 1.0},
            "within goes with time-to-limit rules",
            id="no horizon",
        ),
        pytest.param(
            {"kind": "time-to-limit", "window": HOUR, "within": HOUR, "deadband": 0.0},
            "need a deadband",
            id="no refill",
        ),
        pytest.param(
            {"kind": "evaporation", "limit": 1.0, "window": HOUR, "deadband": 1.0},
            "greater than 1",
            id="ratio",
        ),
        pytest.param({"kind": "spike", "limit": 0.0}, "greater than 0", id="no jump"),
        pytest.param({"kind": "difference"}, "look at 1 other channels", id="apart from none"),
        pytest.param(
            {"kind": "disagreement", "against": ("inc1.oxygen",)},
            "look at 2 to 6 other channels",
            id="one other",
        ),
        pytest.param({"against": ("inc9.x",)}, "no channel 'inc9.x'", id="unknown other"),
        pytest.param({"against": ("inc1.temperature",)}, "not the rule's own", id="against itself"),
        pytest.param({"kind": "overdue"}, "every goes with overdue rules", id="never due"),
        pytest.param({"every": HOUR}, "every goes with overdue rules", id="every"),
        pytest.param(
            {"kind": "discrete", "steps": (Limit(limit=39.0, severity="critical"),)},
            "has no steps",
            id="discrete steps",
        ),
    ],
)
def test_each_mistake_is_one_clear_line(rule: dict[str, object], message: str) -> None:
    with pytest.raises(RuleError) as caught:
        of(replace(HOT, **rule))
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("number", [float("nan"), float("inf"), -1e308])
@pytest.mark.parametrize("field", ["limit", "deadband"])
def test_what_is_no_measure_is_a_mistake_even_where_no_range_is_known(
    field: str, number: float
) -> None:
    unknown = [replace(channel, range=None) for channel in CHANNELS]
    with pytest.raises(RuleError, match="no value that anything measures"):
        build([replace(HOT, **{field: number})], channels=unknown, policies=[POLICY])


@pytest.mark.parametrize("limit", [-10.0, 60.0])
def test_both_ends_of_the_range_belong_to_it(limit: float) -> None:
    assert of(replace(HOT, limit=limit)).rules[0].limit == limit


def test_two_rules_of_one_name_are_a_mistake() -> None:
    with pytest.raises(RuleError, match=r"stands twice; the other one watches inc1\.temperature"):
        of(HOT, HOT)


def test_a_circle_of_inhibition_is_told_once() -> None:
    ring = [replace(HOT, id=name, inhibited_by=cause) for name, cause in ("ab", "bc", "ca", "da")]
    with pytest.raises(RuleError) as caught:
        of(*ring)
    assert str(caught.value) == ("rule 'a': rules inhibit each other in a circle: a → b → c → a")


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (Policy(id="standard", steps=()), "tells nobody"),
        (replace(POLICY, steps=(*POLICY.steps, *POLICY.steps)), "stands behind one after"),
        (replace(POLICY, loop_after=Duration(0)), "not after its last step"),
        (replace(POLICY, fallback=("Z",)), "there is no person 'Z'"),
    ],
)
def test_a_policy_that_cannot_work_is_a_mistake(policy: Policy, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        build([HOT], channels=CHANNELS, policies=[policy], people=[Person(id="A")])
    assert message in str(caught.value)


def test_a_silence_rule_may_leave_its_time_to_the_channel() -> None:
    assert of(replace(HOT, kind="silence", limit=None, on_delay=parse("0s"))).rules
