"""Which posts are beats: signed by the site, fresh, and none of them twice. Pure."""

import hmac
from collections.abc import Mapping

import msgspec

from alerts.notify.webhook import signature
from culturewatch.beat import Beat

CLOCKS_S = 300
"""How far the clocks of the two machines may be apart; a copy older than that is refused."""
_RUNS = 64


class Refused(Exception):  # noqa: N818 # not a fault of ours: what a caller is told
    """A post that does not count; the text says why. ``site`` is whose it claims to be."""

    def __init__(self, why: str, site: str = "") -> None:
        super().__init__(why)
        self.site = site


class Ear:
    """Judges posts. ``secrets`` are those of the sites, by id."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = {site: secret.encode() for site, secret in secrets.items()}
        self._newest: dict[tuple[str, int], int] = {}

    def judge(self, body: bytes, *, timestamp: str, signed: str, now_s: float) -> Beat:
        """The beat in ``body``; ``now_s`` is epoch seconds.

        Raises:
            Refused: it is none, or does not count.
        """
        try:
            beat = msgspec.json.decode(body, type=Beat)
        except (msgspec.MsgspecError, RecursionError) as error:
            raise Refused(f"this is no beat: {error}") from error
        secret = self._secrets.get(beat.site)
        if secret is None:
            raise Refused("a site of that name is not watched here")
        expected = signature(secret, timestamp, body)
        if not hmac.compare_digest(expected.encode(), signed.encode()):
            raise Refused("the signature is wrong: the secrets of site and watchdog differ")
        self._see_that_it_is_new(beat, timestamp, now_s)
        if not (beat.journal and beat.engine and beat.outbox):
            raise Refused("the site says of itself that it is not well", beat.site)
        return beat

    def _see_that_it_is_new(self, beat: Beat, timestamp: str, now_s: float) -> None:
        apart_s = abs(now_s - int(timestamp)) if timestamp.isdecimal() else CLOCKS_S + 1
        if apart_s > CLOCKS_S:
            why = f"its clock and ours are {apart_s:.0f} s apart; set them by the network"
            raise Refused(why, beat.site)
        run = (beat.site, beat.run)
        if beat.sequence <= self._newest.get(run, 0):
            raise Refused("it was heard before: somebody repeats it", beat.site)
        self._newest[run] = beat.sequence
        while len(self._newest) > _RUNS:
            self._newest.pop(next(iter(self._newest)))
