"""What devices on a line were seen to do with a question."""

from tests.unit.collector.serial_responder import (  # a test's own double
    Line,
    Question,
)


def twice(line: Line, question: Question) -> None:
    line.put(question.answer() * 2)


def after_another_unit(line: Line, question: Question) -> None:
    line.put(question.answer(unit=question.unit + 1, data=b"\x12\x34" * question.number))
    line.put(question.answer())


def as_another_unit(line: Line, question: Question) -> None:
    line.put(question.answer(unit=question.unit + 1))


def as_another_function(line: Line, question: Question) -> None:
    line.put(question.answer(function=question.function ^ 7))


def longer(line: Line, question: Question) -> None:
    line.put(question.answer(data=question.data() + b"\x12\x34"))


def byte_by_byte(line: Line, question: Question) -> None:
    for number, byte in enumerate(question.answer()):
        line.later(number * 0.001, bytes((byte,)))


def spoilt(line: Line, question: Question) -> None:
    answer = bytearray(question.answer())
    answer[-4] ^= 1
    line.put(bytes(answer))


def refusing(line: Line, question: Question) -> None:
    line.put(question.exception(2))
