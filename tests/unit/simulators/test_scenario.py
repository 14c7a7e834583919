"""A scenario is data: what it says, how it is squeezed, what it refuses."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.faults import Faults
from simulators.scenario import (
    Action,
    Bottle,
    Door,
    Lid,
    Liquid,
    Rates,
    Scenario,
    Step,
    Sterilise,
    Supply,
    Vacuum,
    Wire,
    demo,
    words,
)

INCUBATORS = ("incubator-1", "incubator-2", "incubator-3")
FREEZERS = ("freezer-1", "freezer-2")


@pytest.mark.parametrize("span_s", [45.0, 180.0])
def test_the_demo_ends_its_troubles_by_60_percent_of_any_span(span_s: float) -> None:
    story = demo(INCUBATORS, FREEZERS, span_s=span_s)
    assert story.span_s == pytest.approx(span_s)
    assert max(step.at_s for step in story.steps) <= 0.6 * span_s


def test_the_demo_opens_empties_spoils_and_silences_and_mends_each() -> None:
    done = [step.action for step in demo(INCUBATORS, FREEZERS, span_s=45.0).ordered()]
    for trouble, cure in (
        (Door(device="incubator-1", open=True), Door(device="incubator-1", open=False)),
        (Bottle(device="incubator-2", kg=0.0), Bottle(device="incubator-2")),
        (Vacuum(device="freezer-1", sound=False), Vacuum(device="freezer-1", sound=True)),
        (Supply(device="freezer-1", open=False), Supply(device="freezer-1", open=True)),
        (Wire(device="incubator-3", faults=Faults(silent=True)), Wire(device="incubator-3")),
    ):
        assert done.index(trouble) < done.index(cure)


def test_a_door_of_the_demo_is_open_long_enough_for_a_poll_each_second_to_see_it() -> None:
    story = demo(INCUBATORS, FREEZERS, span_s=45.0)
    door = [step.at_s for step in story.steps if step.action.device == "incubator-1"]
    assert door[1] - door[0] > 4


def test_the_demo_tells_what_it_can_of_a_small_site() -> None:
    assert demo((), (), span_s=10.0).steps == ()
    assert {s.action.device for s in demo(("a",), (), span_s=10.0).steps} == {"a"}


@given(span_s=st.floats(0.1, 10_000))
def test_a_squeezed_story_goes_as_much_faster_as_it_is_shorter(span_s: float) -> None:
    told = demo(INCUBATORS, FREEZERS, span_s=100.0)
    squeezed = told.within(span_s)
    assert squeezed.rates.incubators * span_s == pytest.approx(told.rates.incubators * 100)
    assert squeezed.rates.freezers * span_s == pytest.approx(told.rates.freezers * 100)
    assert [s.action for s in squeezed.ordered()] == [s.action for s in told.ordered()]


def test_steps_of_one_instant_stay_in_the_order_written() -> None:
    first, second = Lid(device="f", open=True), Lid(device="f", open=False)
    story = Scenario(span_s=2, steps=(Step(at_s=1, action=first), Step(at_s=1, action=second)))
    assert [step.action for step in story.ordered()] == [first, second]


@pytest.mark.parametrize("at_s", [-1.0, 11.0])
def test_a_step_outside_the_span_is_refused(at_s: float) -> None:
    with pytest.raises(ValueError, match="outside 0 to 10"):
        Scenario(span_s=10, steps=(Step(at_s=at_s, action=Sterilise(device="i")),))


def test_time_cannot_stand_still() -> None:
    with pytest.raises(ValueError, match="above 0"):
        Rates(incubators=0)


@pytest.mark.parametrize(
    ("action", "said"),
    [
        (Door(device="incubator-1", open=True), "incubator-1: door opened"),
        (Bottle(device="incubator-1", kg=0.0), "incubator-1: CO2 bottle empty"),
        (Bottle(device="incubator-1"), "incubator-1: CO2 bottle with 22.7 kg"),
        (Sterilise(device="incubator-1"), "incubator-1: sterilisation started"),
        (Vacuum(device="freezer-1", sound=False), "freezer-1: vacuum spoilt"),
        (Supply(device="freezer-1", open=False), "freezer-1: supply closed"),
        (Liquid(device="freezer-1", level_mm=520), "freezer-1: level set to 520 mm"),
        (Wire(device="a", faults=Faults(silent=True, stuck=True)), "a: silent, stuck"),
        (Wire(device="a"), "a: answers as it should"),
    ],
)
def test_an_action_says_what_is_done_to_which_device(action: Action, said: str) -> None:
    assert words(action) == said


def test_every_step_of_the_demo_has_words() -> None:
    for step in demo(INCUBATORS, FREEZERS, span_s=45.0).steps:
        assert words(step.action).startswith(f"{step.action.device}: ")


def test_a_scenario_is_written_and_read_as_toml() -> None:
    story = demo(INCUBATORS, FREEZERS, span_s=45.0)
    text = b"""
span_s = 10.0
[[steps]]
at_s = 1.0
action = { type = "wire", device = "incubator-1", faults = { silent = true } }
"""
    read = msgspec.toml.decode(text, type=Scenario)
    assert read.steps[0].action == Wire(device="incubator-1", faults=Faults(silent=True))
    assert msgspec.json.decode(msgspec.json.encode(story), type=Scenario) == story
