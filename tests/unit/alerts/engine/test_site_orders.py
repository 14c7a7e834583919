"""The change of shift, drills, and word to somebody: what the engine makes of each order."""

import msgspec
import pytest

from alerts.engine.engine import Engine
from alerts.policy import Policy, Step
from alerts.rule import Rule
from alerts.transition import Transition, What
from devices.duration import parse
from storage.entry import Started
from tests.unit.alerts.engine.lab import HOT, Lab, rulebook  # a test's own

NIGHT = Policy(
    id="night",
    steps=(Step(after=parse("0s"), to=("@cryo",)), Step(after=parse("20m"), to=("@lead", "B"))),
    fallback=("M",),
)


def hot(name: str, **fields: object) -> Rule:
    changed = {"id": name, "channel": f"{name}.temperature", "policy": "night", **fields}
    return msgspec.structs.replace(HOT, **changed)


def lab(*rules: Rule, policy: Policy = NIGHT) -> Lab:
    names = [rule.channel for rule in rules]
    room = Lab(rulebook(rules, policies=[policy], channels=dict.fromkeys(names)))
    room.order("0:00", "rota", target=policy.id, by="rota", step="0", to="A")
    return room


def alarmed(room: Lab, *names: str) -> None:
    """Each is set at 0:05:00."""
    for name in names:
        room.sample("0:00", 38.5, of=f"{name}.temperature")
    for at in range(10_000, 300_001, 10_000):
        for name in names:
            room.sample(at, 38.5, of=f"{name}.temperature")
    room.ticks("5:00")


def lists(told: Transition) -> tuple[list[list[object]], list[list[object]]]:
    return (
        msgspec.json.decode(told.detail["take"]),
        msgspec.json.decode(told.detail["know"]),
    )


def test_88_who_comes_is_paged_for_what_nobody_has_and_both_get_the_list() -> None:
    room = lab(hot("a"), hot("b"), hot("c"))
    alarmed(room, "a", "b", "c")
    room.order("6:00", "ack", target="b", by="A")
    seen = len(room.told)
    room.order("10:00", "rota", target="night", by="rota", step="0", to="C")
    rota, *rest = room.told[seen:]
    assert rota.why == "step 0 of 'night': C"
    queued = [t for t in rest if t.what is What.QUEUED]
    assert [(t.rule, t.to, t.step) for t in queued] == [("a", "C", 0), ("c", "C", 0)]
    comes, goes = (t for t in rest if t.what is What.HANDOVER)
    assert (comes.to, comes.severity) == ("C", "critical")
    assert comes.why == "you are on call from now on after A"
    assert lists(comes) == ([["a", 1], ["c", 1]], [["b", 1]])
    assert (goes.to, goes.why) == ("A", "you are no longer on call; C is")
    assert lists(goes) == ([], [["a", 1], ["b", 1], ["c", 1]])
    assert room.engine.view("a").paged == ("A", "C")
    assert room.engine.view("b").paged == ("A",)


def test_88_the_escalation_goes_on_in_its_own_time() -> None:
    room = lab(hot("a"))
    alarmed(room, "a")
    room.order("10:00", "rota", target="night", by="rota", step="0", to="C")
    room.ticks("0:25:00")
    assert room.said(What.QUEUED) == [
        "0:05:00 queued a A",
        "0:10:00 queued a C",
        "0:25:00 queued a B",
    ]


def test_nobody_is_paged_for_a_step_that_was_not_run() -> None:
    room = lab(hot("a"))
    alarmed(room, "a")
    room.order("10:00", "rota", target="night", by="rota", step="1", to="D,B")
    assert room.said(What.QUEUED) == ["0:05:00 queued a A"]
    comes = room.last(What.HANDOVER)
    assert (comes.to, lists(comes)) == ("D", ([], [["a", 1]]))
    room.ticks("0:25:00")
    assert room.said(What.QUEUED)[1:] == ["0:25:00 queued a D", "0:25:00 queued a B"]


def test_a_quiet_change_of_shift_says_nothing_to_anybody() -> None:
    room = lab(hot("a"))
    room.order("10:00", "rota", target="night", by="rota", step="0", to="C")
    assert room.count(What.HANDOVER) == 0
    alarmed_elsewhere = lab(hot("a"), hot("z", policy=""))
    alarmed(alarmed_elsewhere, "z")
    alarmed_elsewhere.order("10:00", "rota", target="night", by="rota", step="0", to="C")
    assert alarmed_elsewhere.count(What.HANDOVER) == 0


def test_the_same_people_again_are_no_change() -> None:
    room = lab(hot("a"))
    alarmed(room, "a")
    seen = len(room.told)
    room.order("5:10", "rota", target="night", by="rota", step="0", to="A")
    assert [t.what for t in room.told[seen:]] == [What.ROTA]


def test_87_a_gap_that_opens_in_mid_escalation_goes_to_the_fallback_at_once() -> None:
    room = lab(hot("a"))
    alarmed(room, "a")
    room.order("10:00", "rota", target="night", by="rota", step="0", to="")
    assert room.said(What.QUEUED)[-1] == "0:10:00 queued a M"
    told = room.last(What.SYSTEM)
    assert told.why == "nobody on call for step 0 of 'night'; the fallback list is paged"
    assert room.last(What.HANDOVER).why == "you are no longer on call; nobody is"


def test_87_a_rota_that_was_never_set_has_nobody() -> None:
    room = Lab(rulebook([hot("a")], policies=[NIGHT], channels=["a.temperature"]))
    alarmed(room, "a")
    assert room.said(What.QUEUED) == ["0:05:00 queued a M"]


def test_an_alarm_that_is_listed_under_its_cause_pages_nobody_at_a_change() -> None:
    room = lab(hot("a"), hot("b", inhibited_by="a"))
    alarmed(room, "a", "b")
    room.order("10:00", "rota", target="night", by="rota", step="0", to="C")
    assert [s for s in room.said(What.QUEUED) if s.endswith("C")] == ["0:10:00 queued a C"]
    comes = next(t for t in room.told if t.what is What.HANDOVER and t.to == "C")
    assert lists(comes) == ([["a", 1]], [["b", 1]])


def test_a_shelved_alarm_is_in_the_list_and_pages_nobody_at_a_change() -> None:
    room = lab(hot("a"))
    alarmed(room, "a")
    room.order("6:00", "shelve", target="a", by="A", reason="being mended", **{"for": "1h"})
    room.order("10:00", "rota", target="night", by="rota", step="0", to="C")
    assert room.said(What.QUEUED) == ["0:05:00 queued a A"]
    comes = next(t for t in room.told if t.what is What.HANDOVER and t.to == "C")
    assert lists(comes) == ([], [["a", 1]])
    # The shelf ends, and it is whoever is on call by then who is paged.
    room.ticks("1:06:00")
    assert room.said(What.QUEUED)[1:2] == ["1:06:00 queued a C"]


def test_an_exhausted_chain_is_handed_over_too() -> None:
    policy = msgspec.structs.replace(NIGHT, loop_after=parse("30m"))
    room = lab(hot("a"), policy=policy)
    alarmed(room, "a")
    room.ticks("0:35:00")
    assert room.count(What.EXHAUSTED) == 1
    room.order("0:40:00", "rota", target="night", by="rota", step="1", to="D")
    assert room.said(What.QUEUED)[-1] == "0:40:00 queued a D"


def test_the_change_is_the_same_wherever_the_state_was_stored_before() -> None:
    one, other = lab(hot("a")), lab(hot("a"))
    for room, reloads in ((one, False), (other, True)):
        alarmed(room, "a")
        if reloads:
            room.reload()
        room.order("10:00", "rota", target="night", by="rota", step="0", to="C")
        room.order("11:00", "drill", target="A", by="M", channel="sms")
    assert [msgspec.json.encode(t) for t in one.told] == [
        msgspec.json.encode(t) for t in other.told
    ]
    assert one.engine.dump() == other.engine.dump()


# Drills.


def test_97_a_drill_is_sent_answered_once_and_by_whom_it_was_for() -> None:
    room = lab(hot("a"))
    room.order("1:00", "drill", target="A", by="M", channel="sms", note="monthly")
    sent = room.last(What.DRILL)
    assert (sent.to, sent.rule, sent.why, sent.by) == ("A", f"drill:{sent.command}", "monthly", "M")
    assert sent.detail == {"channel": "sms"}
    room.reload()
    room.order("2:00", "ack", target="drill:other", by="A")
    room.order("2:10", "ack", target=sent.rule, by="B")
    room.order("2:30", "ack", target=sent.rule, by="A")
    room.order("2:40", "ack", target=sent.rule, by="A")
    assert [t.why for t in room.told if t.what is What.REFUSED] == [
        "there is no such drill, or a newer one was sent since",
        "that drill was for A",
        "that drill was answered before",
    ]
    answered = room.last(What.DRILL_ANSWERED)
    assert answered.why == "drill to A by sms answered after 90 s"
    assert answered.rule == sent.rule


def test_97_an_answer_to_a_drill_acknowledges_no_alarm() -> None:
    room = lab(hot("a"))
    alarmed(room, "a")
    room.order("5:01", "drill", target="A", by="M", channel="sms")
    room.order("5:02", "ack", target=room.last(What.DRILL).rule, by="A")
    assert room.count(What.DRILL_ANSWERED) == 1
    assert room.engine.view("a").state == "U"
    room.order("5:03", "ack", target="a", by="A")
    assert room.engine.view("a").state == "A"


def test_a_newer_drill_stands_for_an_older_one_on_the_same_channel_only() -> None:
    room = lab(hot("a"))
    for channel in ("sms", "mail", "sms"):
        room.order("1:00", "drill", target="A", by="M", channel=channel)
    first, mail, second = (t.rule for t in room.told if t.what is What.DRILL)
    for rule in (first, mail, second):
        room.order("2:00", "ack", target=rule, by="A")
    assert [t.what for t in room.told[-3:]] == [
        What.REFUSED,
        What.DRILL_ANSWERED,
        What.DRILL_ANSWERED,
    ]


@pytest.mark.parametrize(
    ("verb", "target", "arguments", "why"),
    [
        ("drill", "A", {}, "a drill needs a person and a channel"),
        ("drill", "", {"channel": "sms"}, "a drill needs a person and a channel"),
        ("tell", "M", {}, "it needs a person and a text"),
        ("tell", "M", {"text": "x", "severity": "loud"}, "no severity is called 'loud'"),
        (
            "override",
            "fridge",
            {"from": "1", "until": "2", "to": "A", "reason": "x"},
            "no policy names a rota 'fridge'; known: cryo, lead",
        ),
        ("rota", "none", {"step": "0"}, "no policy is called 'none'"),
        ("rota", "night", {"step": "2"}, "policy 'night' has no step '2'"),
    ],
)
def test_what_cannot_be_done_is_refused_with_why(
    verb: str, target: str, arguments: dict[str, str], why: str
) -> None:
    room = lab(hot("a"))
    room.order("1:00", verb, target=target, by="M", **arguments)
    assert room.told[-1].what is What.REFUSED
    assert room.told[-1].why == why


def test_nobody_orders_nothing() -> None:
    room = lab(hot("a"))
    room.order("1:00", "drill", target="A", by=" ", channel="sms")
    assert room.last(What.REFUSED).why == "it needs the name of a person"


def test_word_to_somebody_carries_what_it_is_about() -> None:
    room = lab(hot("a"))
    room.order(
        "1:00", "tell", target="M", by="rota", text="a gap", about="rota:cryo", severity="low"
    )
    told = room.last(What.SYSTEM)
    assert (told.to, told.why, told.severity) == ("M", "a gap", "low")
    assert told.detail["about"] == "rota:cryo"


def test_a_state_without_drills_is_read() -> None:
    room = lab(hot("a"))
    parts = {name: body for name, body in room.engine.dump().items() if name != "drills"}
    assert Engine(room.book, parts).dump()["drills"] == b"\x80"


def quiet() -> Rule:
    return msgspec.structs.replace(
        HOT, id="quiet", kind="silence", limit=None, deadband=0.0, on_delay=parse("1m")
    )


def reloaded(room: Lab, at: str) -> None:
    """The core goes on from what it had stored, with its files read anew."""
    room.ticks(at)
    room.reload()
    digest = room.book.digest
    room.feed(Started(at=room.wall(at), version="0", configuration=digest, reloaded=True))


def test_a_configuration_that_is_read_anew_gives_silence_no_new_allowance() -> None:
    restarted, read_anew = Lab(rulebook([quiet()])), Lab(rulebook([quiet()]))
    for room in (restarted, read_anew):
        room.hold("0:00", "1:00", 37.0)
    restarted.ticks("1:50")
    restarted.reload()
    restarted.started("1:50")
    reloaded(read_anew, "1:50")
    for room in (restarted, read_anew):
        room.ticks("2:10")
    assert restarted.count(What.SET) == 0
    assert read_anew.said(What.SET) == ["0:02:00 set quiet"]


def test_a_limit_that_is_read_anew_judges_what_is_there_at_once() -> None:
    room = Lab(rulebook([HOT]))
    room.hold("0:00", "1:00", 37.6)
    lower = msgspec.structs.replace(HOT, limit=37.5, on_delay=parse("1m"))
    room.book = rulebook([lower])
    room.engine = Engine(room.book, room.engine.dump())
    digest = room.book.digest
    room.feed(Started(at=room.wall("1:05"), version="0", configuration=digest, reloaded=True))
    room.hold("1:10", "2:20", 37.6)
    assert room.said(What.SET) == ["0:02:00 set hot"]


def test_who_has_the_configuration_read_again_is_noted() -> None:
    room = lab(hot("a"))
    room.order("1:00", "reload", target="site", by="A")
    assert room.last(What.SYSTEM).why == "A has the configuration read again"
    assert room.last(What.SYSTEM).by == "A"
