"""What a Modbus device holds, served from words written down: it shares no code with us."""

import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path

from tests.unit.collector.responder import Behaviour, Peer, Query

CASES = Path(__file__).parents[2] / "cases"
TABLES = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
SELF_TESTS: Mapping[str, dict[tuple[str, int], int]] = {
    # HMP manual: 1F00 is -12345 (CFC7), 1F01 is -123.45 (C2F6E666), low word first.
    "vaisala-hmp": {("holding", 0x1F00): 0xCFC7, ("holding", 0x1F01): 0xE666}
    | {("holding", 0x1F02): 0xC2F6},
    "vaisala-tmp1": {("holding", 0x1F00): 0xCFC7, ("holding", 0x1F01): 0xE666}
    | {("holding", 0x1F02): 0xC2F6},
    "advantech-adam-6015": {("holding", 210): 0x6015},
    "advantech-adam-6017": {("holding", 210): 0x6017},
    "advantech-adam-6018": {("holding", 210): 0x6018},
}
"""What devices always say beside what a case states, from their manuals."""


def cells_of(path: Path) -> dict[tuple[str, int], int]:
    """The words (and bits) that a case states, by table and address."""
    case = tomllib.loads(path.read_text(encoding="utf-8"))
    cells = dict(SELF_TESTS.get(case["profile"], {}))
    for place, words in case.get("words", {}).items():
        table, address = place.split()
        for offset, word in enumerate(words):
            cells[table, int(address, 0) + offset] = int(word, 16)
    return cells


def holding(
    cells: Mapping[tuple[str, int], int],
    *,
    units: Collection[int] = range(256),
    fills: bool = False,
    most: int = 125,
) -> Behaviour:
    """A device that gives ``cells``; what it has not is refused, or 0 where it ``fills``.

    Units that are not there are silent; more than ``most`` at once is refused with exception 3.
    """

    def behave(peer: Peer, query: Query) -> None:
        if query.unit not in units:
            return
        table = TABLES[query.function]
        places = [(table, query.address + n) for n in range(query.number)]
        if query.number > most:
            peer.send(query.exception(3))
        elif not fills and not all(place in cells for place in places):
            peer.send(query.exception(2))
        elif query.function in {1, 2}:
            bits = sum(cells.get(place, 0) << n for n, place in enumerate(places))
            peer.send(query.answer(data=bits.to_bytes((query.number + 7) // 8, "little")))
        else:
            words = (cells.get(place, 0).to_bytes(2, "big") for place in places)
            peer.send(query.answer(data=b"".join(words)))

    return behave
