"""Excursions of one step over several stays: one that a move cuts in two is still one.

What the policy of a step allows is said of the culture, not of the device: range, duration and
frequency are those of the time the cells were out of limits. So an excursion that lasts up to the
instant of a move, and goes on at that instant where the culture came to, is one excursion: its
pieces have one duration, are as far out as the furthest, and count once. So have those of an
excursion that goes from beyond one limit to beyond the other. What was out of limits when the
culture left for the bench is beside a gap: nobody knows how long it lasted.
"""

from collections.abc import Sequence

import msgspec

from batches.excursion import Excursion
from batches.exposure import Exposure
from batches.placement import Interval
from batches.policy import Edges, Judged, Whole, verdict


def joined(
    exposures: Sequence[Exposure], unmeasured: Sequence[Interval] = ()
) -> tuple[Exposure, ...]:
    """The exposures of one channel in one step, judged as what the culture went through.

    Args:
        exposures: of stay after stay, in the order of time.
        unmeasured: when the culture was in no device.
    """
    wholes = _wholes(exposures)
    gaps = Edges.of([*unmeasured, *(gap for exposure in exposures for gap in exposure.gaps)])
    begun = sorted(whole.start for whole in dict.fromkeys(wholes.values()))
    found = []
    for number, exposure in enumerate(exposures):
        judged = tuple(
            Judged.of(exposure.policy, each, wholes[number, place], begun, gaps)
            for place, each in enumerate(exposure.excursions)
        )
        length = exposure.end - exposure.start
        sure = exposure.known_ms - (exposure.unsure_ms or 0)
        found.append(
            msgspec.structs.replace(
                exposure,
                judged=judged,
                verdict=verdict(exposure.policy, judged, known_ms=sure, length_ms=length),
            )
        )
    return tuple(found)


def _wholes(exposures: Sequence[Exposure]) -> dict[tuple[int, int], Whole]:
    """Of each excursion, by number of the exposure and place in it: what it is a piece of."""
    runs: list[list[tuple[int, int, Excursion]]] = []
    for number, exposure in enumerate(exposures):
        for place, each in enumerate(exposure.excursions):
            piece = (number, place, each)
            if runs and _goes_on(exposures, runs[-1][-1], piece):
                runs[-1].append(piece)
            else:
                runs.append([piece])
    return {
        (number, place): Whole.of([excursion for _, _, excursion in run])
        for run in runs
        for number, place, _ in run
    }


def _goes_on(
    exposures: Sequence[Exposure],
    before: tuple[int, int, Excursion],
    piece: tuple[int, int, Excursion],
) -> bool:
    stayed = piece[0] == before[0]
    moved = piece[0] == before[0] + 1 and exposures[before[0]].end == exposures[piece[0]].start
    return (stayed or moved) and before[2].end == piece[2].start
