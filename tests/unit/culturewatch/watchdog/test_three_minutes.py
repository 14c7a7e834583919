"""A sender that is stuck is told of from outside within three minutes, with what is usual."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from alerts.auditor import AUDIT_S, audit
from alerts.enqueue import enqueue
from alerts.schema import open_store
from alerts.store import Batch, Caused, save
from culturewatch.beat import Pulse, Signs
from culturewatch.site_file import BeatTo
from culturewatch.watchdog import vigil
from culturewatch.watchdog.run import LOOK_S
from culturewatch.watchdog.settings import Head
from culturewatch.watchdog.vigil import Patience, Vigil, Word
from tests.unit.alerts.desk import NOON, directory, page  # a test's own

WITHIN_S = 180
TO_SEND_S = 10
"""What is left to whoever carries the message."""
STEP_S = LOOK_S


class Outside:
    """Beats and looks on one clock, in steps of half a second, as the parts have them."""

    def __init__(self, *, beat_at: float) -> None:
        self.every_s = BeatTo(url="https://watch.example").every.seconds
        head = Head()
        self.patience = Patience(
            after_s=head.after.seconds, grace_s=head.grace.seconds, repeat_s=head.repeat.seconds
        )
        self.vigil = vigil.heard(Vigil(awaited_s=-300.0), now_s=beat_at - self.every_s, now=NOON)[0]
        self.pulse = Pulse(period_s=10, now_s=0.0)
        self.due_s = beat_at

    def told_s(self, signs: Callable[[float], Signs]) -> float:
        """When people are told."""
        now_s = 0.0
        while now_s < 10 * WITHIN_S:
            missing = self.pulse.missing(signs(now_s), now_s)
            if now_s >= self.due_s:
                self.due_s += self.every_s
                if not missing:
                    self.vigil, _ = vigil.heard(self.vigil, now_s=now_s, now=NOON)
            self.vigil, word = vigil.look(self.vigil, self.patience, now_s=now_s, now=NOON)
            if word is Word.SILENT:
                return now_s
            now_s += STEP_S
        pytest.fail("nobody was told")


@pytest.mark.parametrize("beat_at", [0.0, 5.0, 10.0, 14.5, 20.0, 25.0, 29.5])
@pytest.mark.parametrize("look_at", [0.0, AUDIT_S - STEP_S])
def test_a_page_that_waits_while_the_sender_looks_and_does_not_send_is_told_of(
    beat_at: float, look_at: float
) -> None:
    with closing(open_store(Path(":memory:"))) as db:
        asked = page("A", at=NOON)
        batch = Batch(after=0, cursor=1, parts={}, caused=(Caused(1, NOON, asked),))
        (number,) = save(db, batch)
        enqueue(db, number, batch.caused[0], directory(), now=NOON)
        unsound = ""
        next_look = look_at

        def signs(now_s: float) -> Signs:
            nonlocal unsound, next_look
            if now_s >= next_look:
                unsound, next_look = audit(db, NOON + int(now_s * 1000)).unsent, now_s + AUDIT_S
            last = int(now_s * 2)
            return Signs(last=last, waiting_ms=0, cursor=last, turned_s=now_s, unsound=unsound)

        told_s = Outside(beat_at=beat_at).told_s(signs)
    # Not for a page that was only just queued, and early enough to carry the word.
    assert 60 < told_s <= WITHIN_S - TO_SEND_S


@pytest.mark.parametrize("beat_at", [0.0, 14.5, 29.5])
def test_a_sender_that_does_not_even_look_is_told_of(beat_at: float) -> None:
    def signs(now_s: float) -> Signs:
        last = int(now_s * 2)
        return Signs(last=last, waiting_ms=0, cursor=last, turned_s=0.0, unsound="")

    assert Outside(beat_at=beat_at).told_s(signs) <= WITHIN_S - TO_SEND_S


def test_two_beats_that_are_lost_are_no_outage() -> None:
    assert Head().after > 3 * BeatTo(url="https://watch.example").every
