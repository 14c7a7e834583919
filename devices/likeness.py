"""How well what an unknown Modbus device holds fits a profile: the pure half of ``probe``.

Evidence is counted in bits: a value that only one in sixteen random registers would give is worth
four. An empty register (0 or FFFF) fits anything and is worth nothing; a value that the profile
calls impossible speaks against it.
"""

import re
from collections.abc import Iterator, Mapping
from math import inf, isnan, log2
from typing import NamedTuple

import msgspec

from devices.codec import Decoder
from devices.extract import extraction
from devices.identity import Identity
from devices.law import as_f32, law
from devices.plan import Block, Field, Plan, plan, registers
from devices.profile import Channel, Profile, SelfTest
from devices.quality import VALUELESS, Quality
from devices.source import Register, Table, WordOrder
from devices.transport import Modbus

Cells = Mapping[tuple[Table, int], int]
"""What a device was found to hold: words, or bits, by table and protocol address."""

MOST_BITS = 10.0
"""No single value proves more than this: a profile wants to be seen in several."""
CODE_BITS = 2.0
"""What a fault code that is neither 0 nor FFFF speaks for a profile."""
SELF_TEST_BITS = 20.0
MODEL_BITS = 12.0
"""What it speaks for a profile that the device calls itself by the name of its model."""
MAKER_BITS = 3.0
"""The same of the maker's name alone: makers sell each other's devices under their own."""
AGAINST_BITS = 6.0
"""What an impossible value, or an unknown setting, speaks against a profile."""
ABSENT_BITS = 8.0
"""What a register that is not given speaks against it."""
ODD_BITS = 1.5
"""What another base or word order than the maker's speaks against a guess."""
SHIFTS = (0, 1, -1)
FLIPPED: Mapping[WordOrder, WordOrder] = {"high-first": "low-first", "low-first": "high-first"}
_F32_EXPONENTS = 256
_BETWEEN = re.compile(r"[^a-z0-9]+")
_SHORTEST_WORD = 2


class Guess(NamedTuple):
    """A profile as a device may follow it: ``shift`` is added to each of its addresses."""

    name: str
    profile: Profile
    shift: int
    is_flipped: bool

    @property
    def modbus(self) -> Modbus:
        """How the profile is read."""
        assert self.profile.modbus is not None  # noqa: S101 # held by guesses
        return self.profile.modbus


class Likeness(msgspec.Struct, frozen=True, kw_only=True):
    """How a device fits a guess. ``bits`` is the evidence, ``against`` what contradicts it.

    ``values`` are the channels as they would be stored, written out; ``self_test`` whether the
    registers that always read the same do, None where the profile has none.
    """

    name: str
    model: str
    shift: int
    word_order: WordOrder
    is_flipped: bool
    bits: float
    against: tuple[str, ...]
    values: dict[str, str]
    self_test: bool | None


def guesses(name: str, profile: Profile) -> Iterator[Guess]:
    """The ways in which a device of ``profile`` may answer: as documented, then the odd ones.

    Documents number registers from 0 or from 1, and devices have their word order set.
    """
    if profile.modbus is None:
        return
    orders = (False, True) if any(_is_ordered(r) for r in registers(profile)) else (False,)
    for is_flipped in orders:
        for shift in SHIFTS:
            try:
                yield Guess(name, _moved(profile, shift, is_flipped=is_flipped), shift, is_flipped)
            except ValueError:
                # An address outside the map: nothing stands there.
                continue


def wanted(guess: Guess) -> Plan:
    """What must be read to weigh ``guess``: its channels, and its self-test."""
    planned = plan(guess.profile)
    tests = tuple(_test_block(test) for test in guess.profile.self_test)
    return Plan((*tests, *planned.blocks))


def weigh(
    guess: Guess,
    cells: Cells,
    *,
    discerning: frozenset[Table] = frozenset(),
    said: Identity | None = None,
) -> Likeness:
    """How well ``cells`` fit ``guess``, and what the device ``said`` of itself.

    ``discerning`` are tables of which the device refused something: there an answer by itself
    already says a little.
    """
    passed = self_tested(guess, cells)
    bits = {True: SELF_TEST_BITS, False: -inf, None: 0.0}[passed]
    against: list[str] = [] if passed is not False else ["its self-test fails"]
    blocks = _fields(guess.profile)
    payloads = [_payload(block, cells) for block in blocks]
    values, qualities = Decoder(guess.profile, blocks).decode(payloads)
    told: dict[str, str] = {}
    for index, channel in enumerate(guess.profile.channels):
        quality = Quality(qualities[index])
        gained = _evidence(channel, payloads[index], values[index], quality, guess)
        if gained < 0:
            against.append(f"{channel.key} is {_said(channel, values[index], quality)}")
        bits += gained
        told[channel.key] = _said(channel, values[index], quality)
    asides = blocks[len(guess.profile.channels) :]
    absent = sum(_payload(block, cells) is None for block in asides)
    if absent:
        bits -= ABSENT_BITS * absent
        against.append(f"{absent} of its status registers are not given")
    bits += _structure(blocks, cells, discerning)
    bits += name_bits(guess.profile, said)
    bits -= ODD_BITS * ((guess.shift != 0) + guess.is_flipped)
    return Likeness(
        name=guess.name,
        model=guess.profile.model,
        shift=guess.shift,
        word_order=guess.modbus.word_order,
        is_flipped=guess.is_flipped,
        bits=round(bits, 1),
        against=tuple(against),
        values=told,
        self_test=passed,
    )


def name_bits(profile: Profile, said: Identity | None) -> float:
    """What it speaks for ``profile`` that a device says of itself what it ``said``.

    A model is known by a word with a digit in it (GMP252), which may go on with letters
    (GMP252B): with more digits it would be another model.
    """
    if said is None:
        return 0.0
    heard = _words(" ".join(said.said.values()))
    maker = _words(profile.maker)
    models = {word for word in _words(profile.model) - maker if any(map(str.isdigit, word))}
    for model in models:
        for word in heard:
            if word.startswith(model) and not word[len(model) : len(model) + 1].isdigit():
                return MODEL_BITS
    return MAKER_BITS if maker & heard else 0.0


def _words(text: str) -> set[str]:
    return {word for word in _BETWEEN.split(text.casefold()) if len(word) >= _SHORTEST_WORD}


def self_tested(guess: Guess, cells: Cells) -> bool | None:
    """Whether every register of the self-test reads as it must; None without one."""
    if not guess.profile.self_test:
        return None
    for test in guess.profile.self_test:
        payload = _payload(_test_block(test), cells)
        if payload is None or not _reads(test, payload, guess.modbus.word_order):
            return False
    return True


def _evidence(
    channel: Channel,
    payload: bytes | None,
    value: float | None,
    quality: Quality,
    guess: Guess,
) -> float:
    if payload is None:
        return -ABSENT_BITS
    is_blank = not payload.strip(b"\0") or not payload.strip(b"\xff")
    if quality in VALUELESS:
        return _evidence_of_fault(channel, payload, quality, guess, is_blank=is_blank)
    if is_blank or value is None:
        return 0.0
    return _evidence_of_value(channel, payload, value, guess)


def _evidence_of_value(channel: Channel, payload: bytes, value: float, guess: Guess) -> float:
    register = _register(channel)
    if register.is_state:
        return _state_bits(register, value)
    if channel.selector is not None:
        return MOST_BITS
    if register.type == "f32":
        return _f32_bits(channel, _number(register, payload, guess.modbus.word_order))
    return min(MOST_BITS, _whole_bits(channel, register))


def _state_bits(register: Register, value: float) -> float:
    """That a code is one of the few that say "nothing is the matter" is no chance."""
    known = len(register.idle)
    return min(MOST_BITS, 8.0 - log2(known)) if known and value == 0 else 0.0


def _evidence_of_fault(
    channel: Channel, payload: bytes, quality: Quality, guess: Guess, *, is_blank: bool
) -> float:
    register = _register(channel)
    raw = _number(register, payload, guess.modbus.word_order)
    if not isnan(raw) and raw in {fault.raw for fault in channel.faults}:
        return 0.0 if is_blank else CODE_BITS
    if quality is Quality.OUT_OF_RANGE or channel.selector is not None:
        return -AGAINST_BITS
    return 0.0


def _f32_bits(channel: Channel, raw: float) -> float:
    if 0 < abs(raw) < channel.resolution / 1000:
        # A whole number, or halves of two other numbers, make a float far below the resolution.
        return -AGAINST_BITS
    low, high = channel.range
    largest = max(abs(low), abs(high))
    exponents = max(1.0, log2(largest / (channel.resolution / 1000)))
    share = exponents / _F32_EXPONENTS / (1 if low < 0 < high else 2)
    return min(MOST_BITS, -log2(min(share, 1.0)))


def _whole_bits(channel: Channel, register: Register) -> float:
    meant = law(channel, register)
    most = 2.0 if register.type == "bit" else 65536.0**register.count
    return -log2(min((meant.high - meant.low + 1) / most, 1.0))


def _structure(blocks: tuple[Block, ...], cells: Cells, discerning: frozenset[Table]) -> float:
    """One bit for each register that is there, where the device tells what it has not."""
    places = {
        (block.table, block.address + n)
        for block in blocks
        if block.table in discerning
        for n in range(block.count)
    }
    return float(sum(place in cells for place in places))


def _said(channel: Channel, value: float | None, quality: Quality) -> str:
    return quality.word if value is None else f"{value:g} {channel.stored.unit}"


def _moved(profile: Profile, shift: int, *, is_flipped: bool) -> Profile:
    modbus = profile.modbus
    assert modbus is not None  # noqa: S101 # held by guesses
    if is_flipped:
        modbus = msgspec.structs.replace(modbus, word_order=FLIPPED[modbus.word_order])
    if not shift:
        return msgspec.structs.replace(profile, modbus=modbus)
    first = tuple((max(low + shift, 0), end + shift) for low, end in modbus.forbidden)
    return msgspec.structs.replace(
        profile,
        modbus=msgspec.structs.replace(modbus, forbidden=first),
        channels=tuple(_moved_channel(channel, shift) for channel in profile.channels),
        self_test=tuple(
            msgspec.structs.replace(test, register=_moved_register(test.register, shift))
            for test in profile.self_test
        ),
    )


def _moved_channel(channel: Channel, shift: int) -> Channel:
    return msgspec.structs.replace(
        channel,
        source=_moved_register(_register(channel), shift),
        selector=None if channel.selector is None else _moved_register(channel.selector, shift),
        status=tuple(
            msgspec.structs.replace(status, register=_moved_register(status.register, shift))
            for status in channel.status
        ),
    )


def _moved_register(register: Register, shift: int) -> Register:
    return msgspec.structs.replace(register, address=register.address + shift)


def _is_ordered(register: Register) -> bool:
    return register.count > 1 and register.word_order is None


def _fields(profile: Profile) -> tuple[Block, ...]:
    """Each register of the profile as a read of its own, those of channels first."""
    return tuple(
        Block(r.table, r.address, r.count, (Field(index, r.address, r.count),))
        for index, r in enumerate(registers(profile))
    )


def _test_block(test: SelfTest) -> Block:
    register = test.register
    return Block(
        register.table,
        register.address,
        register.count,
        (Field(0, register.address, register.count),),
    )


def _payload(block: Block, cells: Cells) -> bytes | None:
    held = [cells.get((block.table, block.address + n)) for n in range(block.count)]
    if None in held:
        return None
    words = [word for word in held if word is not None]
    if block.is_bits:
        return sum(bit << n for n, bit in enumerate(words)).to_bytes(block.size, "little")
    return b"".join(word.to_bytes(2, "big") for word in words)


def _number(register: Register, payload: bytes, order: WordOrder) -> float:
    block = Block(
        register.table,
        register.address,
        register.count,
        (Field(0, register.address, register.count),),
    )
    extract, _ = extraction((register,), order, block)
    return float(extract(payload)[0])


def _reads(test: SelfTest, payload: bytes, order: WordOrder) -> bool:
    raw = _number(test.register, payload, order)
    wanted_raw = as_f32(test.raw) if test.register.type == "f32" else test.raw
    return raw == wanted_raw


def _register(channel: Channel) -> Register:
    source = channel.source
    assert isinstance(source, Register)  # noqa: S101 # held by Profile for a Modbus one
    return source
