"""The link of a summary: the list that was sent, and one button that acknowledges all of it."""

import logging
from http import HTTPStatus

import msgspec

from alerts.token import AckAllClaim
from console.acknowledge import AckDesk, Pressed, Result, Standing

log = logging.getLogger(__name__)


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody must see before they acknowledge ``alarms``, which is what they were sent.

    ``problem`` says what could not be read.
    """

    claim: AckAllClaim
    alarms: tuple[Standing, ...]
    problem: str = ""

    @property
    def used(self) -> bool:
        """Whether this link has done what it is for."""
        return bool(self.alarms) and all(one.answer is not None for one in self.alarms)

    @property
    def over(self) -> str:
        """Why there is nothing to acknowledge here; empty while there is."""
        if self.problem:
            return ""
        if not self.alarms:
            return "this list is not known here: it was sent before the alarm store was made anew"
        return "all of them are over" if all(one.over for one in self.alarms) else ""


class PressedAll(msgspec.Struct, frozen=True, kw_only=True):
    """What came of pressing the button, alarm by alarm."""

    claim: AckAllClaim
    alarms: tuple[Pressed, ...]

    def those(self, result: Result) -> tuple[Pressed, ...]:
        """The alarms of which that came."""
        return tuple(one for one in self.alarms if one.result is result)

    @property
    def status(self) -> HTTPStatus:
        """What an HTTP client is told: what is not yet done outweighs what is refused."""
        for result in (Result.NOT_KEPT, Result.TAKEN_IN, Result.ACKNOWLEDGED):
            if self.those(result):
                return HTTPStatus(result.value)
        return HTTPStatus(Result.REFUSED.value)


async def listing(desk: AckDesk, claim: AckAllClaim) -> Listing:
    """The alarms behind the link of a summary, as they are now. It changes nothing."""
    claims, problem = await desk.listed(claim)
    return Listing(claim=claim, alarms=await desk.standings(claims), problem=problem)


async def press_all(desk: AckDesk, shown: Listing, *, note: str) -> PressedAll:
    """Take an acknowledgement in for each alarm of the list; one that is in already counts once."""
    pressed = await desk.press_each([one.claim for one in shown.alarms], note=note)
    log.info("%s pressed once for %d alarms", shown.claim.person, len(pressed))
    return PressedAll(claim=shown.claim, alarms=pressed)
