"""What is known of an edge node, by its births, data and deaths."""

import pytest

from devices.dialects import edge_node
from devices.dialects.edge_node import REORDER_S, EdgeNode
from tests.sparkplug_messages import DOUBLE, metric, payload
from tests.unit.devices.node_desk import NOON, Desk, data, dbirth, nbirth, ndeath, values


@pytest.fixture
def desk() -> Desk:
    """A node that is born, with one device that has one metric."""
    made = Desk()
    made.say("NBIRTH", nbirth())
    assert values(made.say("DBIRTH", dbirth(1, 20.0), "probe")) == {("probe", "T"): 20.0}
    return made


def test_a_birth_names_what_data_call_by_its_alias(desk: Desk) -> None:
    step = desk.say("DDATA", data(2, 21.0), "probe")
    assert values(step) == {("probe", "T"): 21.0}
    assert (step.rebirth, step.dead, step.put_aside) == (False, [], [])


def test_data_before_any_birth_wait_and_are_put_aside_and_a_birth_is_asked_for() -> None:
    desk = Desk()
    assert values(desk.say("DDATA", data(5, 21.0), "probe")) == {}
    step = desk.wait(REORDER_S)
    assert [ticket for ticket, _ in step.put_aside] == ["m1"]
    assert step.rebirth


def test_a_host_that_connects_asks_at_once_and_then_ever_less_often() -> None:
    node: EdgeNode[str] = EdgeNode()
    assert node.connect(0.0).rebirth
    asked = [second for second in range(1, 1300) if node.tick(float(second)).rebirth]
    assert asked == [5, 15, 35, 75, 155, 315, 615, 915, 1215]


def test_a_message_that_comes_late_is_told_in_its_turn(desk: Desk) -> None:
    assert values(desk.say("DDATA", data(3, 22.0), "probe")) == {}
    step = desk.say("DDATA", data(2, 21.0), "probe")
    assert [ticket for ticket, _ in step.told] == ["m4", "m3"]
    assert not desk.wait(REORDER_S).rebirth


def test_a_message_that_never_comes_ends_all_that_was_known(desk: Desk) -> None:
    desk.say("DDATA", data(3, 22.0), "probe")
    assert not desk.wait(REORDER_S - 0.5).rebirth
    step = desk.wait(0.5)
    assert step.rebirth
    assert step.dead == ["", "probe"]
    assert [ticket for ticket, _ in step.put_aside] == ["m3"]
    assert values(desk.say("DDATA", data(4, 23.0), "probe")) == {}, "an alias may be another's now"


def test_after_a_rebirth_all_goes_on(desk: Desk) -> None:
    desk.say("DDATA", data(3, 22.0), "probe")
    desk.wait(REORDER_S)
    desk.say("NBIRTH", nbirth(at=NOON + 6_000))
    desk.say("DBIRTH", dbirth(1, 23.0, alias=9, at=NOON + 6_000), "probe")
    step = desk.say("DDATA", data(2, 24.0, alias=9, at=NOON + 7_000), "probe")
    assert values(step) == {("probe", "T"): 24.0}


def test_a_message_that_comes_twice_is_told_once(desk: Desk) -> None:
    said = data(2, 21.0)
    desk.say("DDATA", said, "probe")
    step = desk.say("DDATA", said, "probe")
    assert (step.told, step.repeats) == ([], ["m4"])
    assert values(desk.say("DDATA", data(3, 22.0), "probe")) == {("probe", "T"): 22.0}


def test_the_sequence_goes_round(desk: Desk) -> None:
    for n in range(2, 600):
        step = desk.say("DDATA", data(n % 256, float(n), at=NOON + n), "probe")
        assert values(step) == {("probe", "T"): float(n)}


def test_a_long_gap_is_one_too(desk: Desk) -> None:
    step = desk.say("DDATA", data(202, 22.0, at=NOON + 60_000), "probe")
    assert (values(step), step.put_aside) == ({}, [])
    assert desk.wait(REORDER_S).rebirth


def test_the_death_of_this_life_ends_it_and_one_of_an_earlier_does_not() -> None:
    desk = Desk()
    desk.say("NBIRTH", nbirth(bdseq=4))
    desk.say("DBIRTH", dbirth(1, 20.0), "probe")
    assert desk.say("NDEATH", ndeath(3)).dead == []
    assert values(desk.say("DDATA", data(2, 21.0), "probe")) == {("probe", "T"): 21.0}
    assert desk.say("NDEATH", ndeath(4)).dead == ["", "probe"]
    assert desk.say("NDEATH", ndeath(4)).dead == []
    assert values(desk.say("DDATA", data(3, 22.0), "probe")) == {}


def test_the_death_of_a_device_leaves_the_others(desk: Desk) -> None:
    desk.say("DBIRTH", dbirth(2, 4.0, alias=8), "other")
    assert desk.say("DDEATH", payload(at=NOON, seq=3), "probe").dead == ["probe"]
    assert values(desk.say("DDATA", data(4, 5.0, alias=8), "other")) == {("other", "T"): 5.0}
    step = desk.say("DDATA", data(5, 21.0), "probe")
    assert (values(step), step.rebirth) == ({}, True)


def test_a_birth_of_the_node_ends_its_devices_until_they_are_born_again(desk: Desk) -> None:
    assert desk.say("NBIRTH", nbirth(bdseq=1, at=NOON + 60_000)).dead == ["probe"]
    assert values(desk.say("DDATA", data(1, 21.0, at=NOON + 60_000), "probe")) == {}


def test_another_metric_s_alias_is_not_believed(desk: Desk) -> None:
    step = desk.say("DDATA", data(2, 21.0, alias=8), "probe")
    assert (values(step), step.rebirth) == ({}, True)
    desk.say("DBIRTH", dbirth(3, 4.0, alias=8), "other")
    assert values(desk.say("DDATA", data(4, 21.0, alias=8), "probe")) == {}


def test_a_birth_that_was_delayed_does_not_bring_its_aliases_back(desk: Desk) -> None:
    old = nbirth(at=NOON - 60_000)
    step = desk.say("NBIRTH", old)
    assert (step.told, step.rebirth, step.dead) == ([], True, ["", "probe"])
    desk.say("NBIRTH", nbirth(at=NOON + 10_000))
    assert desk.node.is_born


def test_a_node_that_lost_its_clock_and_its_count_is_believed_the_second_time() -> None:
    desk = Desk()
    desk.say("NBIRTH", nbirth(bdseq=9))
    assert desk.say("NBIRTH", nbirth(bdseq=0, at=1_000)).rebirth
    desk.say("NBIRTH", nbirth(bdseq=0, at=2_000))
    assert desk.node.is_born


def test_messages_overtake_the_birth_and_wait_for_it() -> None:
    desk = Desk()
    desk.say("DBIRTH", dbirth(1, 20.0), "probe")
    step = desk.say("NBIRTH", nbirth())
    assert values(step) == {("probe", "T"): 20.0}


def test_a_node_that_bears_devices_without_end_is_doubted_and_what_was_known_let_go(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_node, "MOST_KNOWN", 20_000)
    for number in range(2, 200):
        step = desk.say("DBIRTH", dbirth(number, 1.0, alias=number), f"d{number}")
        if step.rebirth:
            break
    else:
        pytest.fail("it was never doubted")
    assert [reason for _, reason in step.put_aside] == ["its node has too many metrics"]
    assert "probe" in step.dead
    assert not desk.node.is_born
    assert values(desk.say("NBIRTH", nbirth(bdseq=1, at=NOON + 1))) == {}
    born = dbirth(1, 20.0, at=NOON + 1)
    assert values(desk.say("DBIRTH", born, "probe")) == {("probe", "T"): 20.0}


def test_a_device_that_comes_and_goes_costs_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_node, "MOST_KNOWN", 2_000)
    seq = 2
    for _ in range(20):
        assert not desk.say("DBIRTH", dbirth(seq, 1.0, alias=9), "other").rebirth
        assert not desk.say("DDEATH", payload(seq=seq + 1, at=NOON), "other").rebirth
        seq += 2
    assert values(desk.say("DDATA", data(seq, 21.0), "probe")) == {("probe", "T"): 21.0}


def test_what_waits_for_a_missing_message_is_bounded_by_its_metrics_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge_node, "MOST_HELD_METRICS", 10)
    many = payload([metric(alias=7, double_value=1.0)] * 6, at=NOON, seq=4)
    assert not desk.say("DDATA", many, "probe").rebirth
    more = payload([metric(alias=7, double_value=1.0)] * 6, at=NOON, seq=5)
    step = desk.say("DDATA", more, "probe")
    assert step.rebirth
    assert len(step.put_aside) == 2


@pytest.mark.parametrize("times", [2, 3])
def test_of_an_alias_that_a_device_gives_to_several_metrics_nothing_is_told(
    desk: Desk, times: int
) -> None:
    names = ["T", "Set point", "Ambient"][:times]
    born = [metric(name, alias=3, datatype=DOUBLE, double_value=1.0) for name in names]
    step = desk.say("DBIRTH", payload(born, at=NOON, seq=2), "other")
    assert len(values(step)) == times
    step = desk.say("DDATA", data(3, -20.0, alias=3), "other")
    assert values(step) == {}
    assert step.rebirth


def test_an_alias_that_another_device_was_given_before_is_no_metric_of_that_one(desk: Desk) -> None:
    desk.say("DBIRTH", dbirth(2, 1.0, alias=7, name="Ambient"), "other")
    assert values(desk.say("DDATA", data(3, 2.0), "other")) == {("other", "Ambient"): 2.0}
    step = desk.say("DDATA", data(4, 21.0), "probe")
    assert values(step) == {}
    assert step.rebirth
