"""One Modbus RTU or ASCII connection: an answer is that of the unit, function and length asked."""

import logging
from typing import Literal, cast

from collector.address import Address
from collector.connection import Counts, Question
from collector.errors import RefusedError
from collector.frame import EXCEPTION_BIT
from collector.half_duplex import HalfDuplex, Outcome, Quarantine
from collector.serial_frame import FRAMERS, SerialFrame

log = logging.getLogger(__name__)


class SerialConnection(HalfDuplex[Question]):
    """The protocol of one RTU or ASCII connection to ``address``."""

    def __init__(self, address: Address, counts: Counts, quarantine: Quarantine) -> None:
        super().__init__(address, counts, quarantine)
        self._framer = FRAMERS[cast('Literal["rtu", "ascii"]', address.framing)]

    def _spell(self, request: Question) -> bytes:
        return self._framer.request(request.unit, request.told)

    def _longest(self, request: Question) -> int:
        return self._framer.characters(request.longest)

    def _take(self, request: Question) -> Outcome | None:
        while self._asked is request:
            found, self._buffer = self._framer.take(self._buffer)
            if found is None:
                return None
            if found.unit == request.unit:
                return self._pair(request, found)
            self._drop(request, found.unit)
        return None

    def _pair(self, request: Question, found: SerialFrame) -> Outcome | None:
        if found.function == request.function and request.fits(found.body):
            return found.body[1:]
        if found.function == request.function | EXCEPTION_BIT and len(found.body) == 1:
            where = f"{self._name}: unit {request.unit}, {request.subject}"
            return RefusedError(where, found.body[0])
        # The unit answers another question: it is out of step, whatever comes next.
        self._counts.mismatched += 1
        self._give_up(f"; an answer of function {found.function} did not fit and was dropped")
        return None

    def _drop(self, request: Question, unit: int) -> None:
        self._counts.wrong_unit += 1
        self._oddity = f"; an answer of unit {unit} was dropped"
        if self._counts.wrong_unit == 1:
            log.warning(
                "%s: unit %d was asked, unit %d answered; dropped. Check the unit numbers",
                self._name,
                request.unit,
                unit,
            )
