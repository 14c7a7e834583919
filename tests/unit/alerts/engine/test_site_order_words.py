"""What orders about no single alarm are answered with, in full, by a clock that was set."""

import msgspec
import pytest
from msgspec.structs import replace

from alerts.engine.site_orders import RELOAD
from alerts.policy import Policy, Step
from alerts.rule import Rule
from alerts.transition import Transition, What
from devices.duration import parse
from tests.unit.alerts.engine.lab import HOT, Lab, rulebook  # a test's own

NIGHT = Policy(
    id="night",
    steps=(Step(after=parse("0s"), to=("@cryo",)), Step(after=parse("20m"), to=("@lead", "B"))),
    fallback=("M",),
)
BRIEF = replace(HOT, on_delay=parse("0s"), policy="night", severity="high")


def lab(*rules: Rule) -> Lab:
    """The clock was set forward by an hour."""
    room = Lab(rulebook(rules or (BRIEF,), policies=[NIGHT]))
    room.clock_step("0:00", "1:00:00")
    room.order("0:00", "rota", target="night", by="rota", step="0", to="A")
    return room


def answers(room: Lab, verb: str, *, target: str = "night", **arguments: str) -> list[Transition]:
    """What an order of M in minute one is answered with."""
    room.ticks("1:00")
    seen = len(room.told)
    room.order("1:00", verb, target=target, by="M", **arguments)
    assert {one.at for one in room.told[seen:]} == {room.wall("1:00")}
    return room.told[seen:]


def spelt(one: Transition) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(one)
    del fields["at"]
    return fields


@pytest.mark.parametrize(
    ("to", "people"),
    [("C, D,C", "C, D"), ("", "nobody"), (" , ", "nobody"), (None, "nobody")],
)
def test_a_rota_is_answered_with_who_is_on_call(to: str | None, people: str) -> None:
    room = lab()
    arguments = {} if to is None else {"to": to}
    (said,) = answers(room, "rota", step="0", **arguments)
    assert spelt(said) == {
        "what": "rota",
        "why": f"step 0 of 'night': {people}",
        "by": "M",
        "command": "c4",
        "detail": {"verb": "rota", "target": "night"},
    }
    wanted = () if people == "nobody" else tuple(people.split(", "))
    assert room.engine.on_call(NIGHT, 0) == wanted
    assert room.engine.on_call(NIGHT, 1) == ("B",)


def test_that_the_files_are_to_be_read_again_is_noted_with_who_said_so() -> None:
    (said,) = answers(lab(), RELOAD, target="site")
    assert (said.what, said.why) == (What.SYSTEM, "M has the configuration read again")
    assert said.detail == {"verb": "reload", "target": "site"}


def test_a_rota_without_a_step_is_refused() -> None:
    (said,) = answers(lab(), "rota", to="C")
    assert (said.what, said.why) == (What.REFUSED, "policy 'night' has no step ''")


def test_steps_are_set_one_by_one() -> None:
    room = lab()
    answers(room, "rota", step="1", to="E")
    assert (room.engine.on_call(NIGHT, 0), room.engine.on_call(NIGHT, 1)) == (("A",), ("E",))


def test_a_change_of_shift_is_told_in_full() -> None:
    room = lab()
    room.sample("0:10", 39.0)
    said = answers(room, "rota", step="0", to="C", note="swapped")
    page, comes, goes = map(spelt, said[1:])
    order = {"by": "M", "command": "c5"}
    assert page == order | {
        "what": "queued",
        "rule": "hot",
        "channel": "inc1.temperature",
        "occurrence": 1,
        "activation": 1,
        "severity": "high",
        "why": "open at the change of shift, not acknowledged",
        "to": "C",
        "step": 0,
        "value": 39.0,
        "detail": {"in": "handover"},
    }
    mine = '[["hot",1]]'
    assert comes == order | {
        "what": "handover",
        "severity": "high",
        "why": "you are on call from now on after A",
        "to": "C",
        "detail": {"take": mine, "know": "[]"},
    }
    assert goes == order | {
        "what": "handover",
        "severity": "high",
        "why": "you are no longer on call; C is",
        "to": "A",
        "detail": {"take": "[]", "know": mine},
    }


def test_a_gap_at_a_change_of_shift_is_told_in_full() -> None:
    room = lab()
    room.sample("0:10", 39.0)
    gap, page, goes = map(spelt, answers(room, "rota", step="0", to="")[1:])
    why = "nobody on call for step 0 of 'night'; the fallback list is paged"
    assert (gap["what"], gap["why"], gap["step"]) == ("system", why, 0)
    assert (page["what"], page["to"], page["step"], page["why"]) == ("queued", "M", 0, why)
    assert goes["why"] == "you are no longer on call; nobody is"
    assert room.engine.view("hot").paged == ("A", "M")


def test_only_who_comes_or_goes_is_told_and_with_whom() -> None:
    room = lab()
    room.sample("0:10", 39.0)
    (came,) = [t for t in answers(room, "rota", step="0", to="A,C") if t.what is What.HANDOVER]
    assert (came.to, came.why) == ("C", "you are on call from now on")
    (gone,) = [t for t in answers(room, "rota", step="0", to="C") if t.what is What.HANDOVER]
    assert (gone.to, gone.why) == ("A", "you are no longer on call; C is")


def test_a_step_that_is_not_the_first_is_handed_over_under_its_number() -> None:
    room = lab()
    room.hold("0:10", "21:00", 39.0)
    room.ticks("22:00")
    seen = len(room.told)
    room.order("22:00", "rota", target="night", by="M", step="1", to="")
    gap = room.told[seen + 1]
    assert (gap.what, gap.step) == (What.SYSTEM, 1)
    assert gap.why == "nobody on call for step 1 of 'night'; the fallback list is paged"


def test_a_change_of_the_rota_is_written_down_as_it_was_ordered() -> None:
    arguments = {"from": "1", "until": "2", "to": "C", "reason": "ill"}
    (said,) = answers(lab(), "override", target="cryo", **arguments)
    assert spelt(said) == {
        "what": "rota",
        "why": "ill",
        "by": "M",
        "command": "c4",
        "detail": {"verb": "override", "target": "cryo", **arguments},
    }


def test_a_change_of_the_rota_without_a_reason_is_refused() -> None:
    (said,) = answers(lab(), "swap", target="lead")
    assert spelt(said) == {
        "what": "refused",
        "why": "a change of the rota needs a reason",
        "by": "M",
        "command": "c4",
        "detail": {"verb": "swap", "target": "lead"},
    }


@pytest.mark.parametrize(("note", "why"), [("monthly", "monthly"), ("", "ordered by M")])
def test_a_drill_is_sent_and_its_answer_timed(note: str, why: str) -> None:
    room = lab()
    (sent,) = answers(room, "drill", target="A", channel="sms", note=note)
    assert spelt(sent) == {
        "what": "drill",
        "rule": "drill:c4",
        "why": why,
        "to": "A",
        "by": "M",
        "command": "c4",
        "detail": {"channel": "sms"},
    }
    room.order("1:07", "ack", target="drill:c4", by="A")
    answered = room.told[-1]
    assert answered.at == room.wall("1:07")
    assert spelt(answered) == {
        "what": "drill_answered",
        "rule": "drill:c4",
        "why": "drill to A by sms answered after 7 s",
        "by": "A",
        "command": "c5",
        "detail": {
            "verb": "ack",
            "target": "drill:c4",
            "drill": "c4",
            "person": "A",
            "channel": "sms",
        },
    }


@pytest.mark.parametrize(
    ("arguments", "severity", "about"),
    [({}, "medium", ""), ({"severity": "Low", "about": "rota:cryo"}, "Low", "rota:cryo")],
)
def test_word_to_somebody_is_told_in_full(
    arguments: dict[str, str], severity: str, about: str
) -> None:
    (said,) = answers(lab(), "tell", target="B", text="a gap", **arguments)
    assert spelt(said) == {
        "what": "system",
        "severity": severity,
        "why": "a gap",
        "to": "B",
        "by": "M",
        "command": "c4",
        "detail": {"verb": "tell", "target": "B", "about": about},
    }


def test_an_order_that_is_refused_names_nothing_else() -> None:
    (said,) = answers(lab(), "rota", target="day", step="0")
    assert spelt(said) == {
        "what": "refused",
        "why": "no policy is called 'day'",
        "by": "M",
        "command": "c4",
        "detail": {"verb": "rota", "target": "day"},
    }


def test_without_a_rota_none_is_known() -> None:
    plain = Policy(id="plain", steps=(Step(after=parse("0s"), to=("A",)),))
    room = Lab(rulebook([replace(BRIEF, policy="plain")], policies=[plain]))
    (said,) = answers(room, "override", target="cryo", reason="x")
    assert said.why == "no policy names a rota 'cryo'; known: none"


def test_who_comes_takes_over_only_what_pages_by_itself() -> None:
    cold = replace(BRIEF, id="cold", kind="low", limit=39.5)
    room = lab(cold, replace(BRIEF, inhibited_by="cold"))
    room.sample("0:55", 39.0)
    said = answers(room, "rota", step="0", to="C")
    assert [one.rule for one in said if one.what is What.QUEUED] == ["cold"]
    assert [one.detail["know"] for one in said if one.to == "C" and one.what is What.HANDOVER] == [
        '[["hot",1]]'
    ]
