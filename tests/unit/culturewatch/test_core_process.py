"""The process of the core searches for cycles seldom, and finds them all the same."""

import gc
import weakref

from culturewatch.core_process import COLLECT_AFTER, search_less


class Knot:
    """Holds itself."""

    def __init__(self) -> None:
        self.itself = self


def test_what_stays_for_ever_is_not_searched_and_what_holds_itself_is_still_found() -> None:
    before = gc.get_threshold()
    try:
        search_less()
        assert gc.get_freeze_count() > 0
        lost = weakref.ref(Knot())
        # By the counts alone it would stay; as many objects as this are searched in between.
        kept: list[list[int]] = [[] for _ in range(2 * COLLECT_AFTER)]
        assert len(kept) == 2 * COLLECT_AFTER
        assert lost() is None
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
