"""Table A6, each cell as the document has it."""

import pytest

from alerts.delivery import TABLE, Act, Delivery, Event, Step, advance, back_off_ms

# The rows and columns as in the document; "-" is "stay, nothing to do".
COLUMNS = (
    Event.CLAIM,
    Event.ACCEPT,
    Event.RECEIPT,
    Event.TEMPORARY,
    Event.PERMANENT,
    Event.LEASE_OVER,
    Event.NO_RECEIPT,
    Event.ACKED,
    Event.QUOTA,
    Event.REPLACED,
    Event.OUTLIVED,
    Event.BUNDLED,
    Event.SLOW,
)
DOCUMENT = """
queued    | claimed lease  | -        | -         | -               | -               | -                     | -                     | cancelled    | failed next-way | cancelled | expired | - | -
claimed   | claimed refuse | accepted id | delivered | queued back-off | failed next-way | unknown            | -                     | claimed note | failed next-way | -         | - | - | claimed next-channel
unknown   | -              | -        | delivered | -               | -               | queued mark           | -                     | cancelled    | -               | -         | - | - | -
accepted  | -              | -        | delivered | -               | failed next-way | -                     | accepted next-channel | -            | -               | -         | - | - | -
failed    | -              | -        | delivered correct | -       | -               | -                     | -                     | -            | failed next-way | -         | - | - | -
delivered | -              | -        | -         | -               | -               | -                     | -                     | -            | -               | -         | - | - | -
cancelled | -              | -        | -         | -               | -               | -                     | -                     | -            | -               | -         | - | - | -
expired   | -              | -        | -         | -               | -               | -                     | -                     | -            | -               | -         | - | - | -
"""  # noqa: E501 # a table
ACTS = {
    "": Act.NONE,
    "lease": Act.LEASE,
    "refuse": Act.REFUSE,
    "id": Act.KEEP_ID,
    "back-off": Act.BACK_OFF,
    "mark": Act.MARK,
    "note": Act.NOTE,
    "next-channel": Act.NEXT_CHANNEL,
    "next-way": Act.NEXT_WAY,
    "correct": Act.CORRECT,
}


def cells() -> list[tuple[Delivery, Event, Step]]:
    found = []
    for line in DOCUMENT.strip().splitlines():
        name, *texts = (text.strip() for text in line.split("|"))
        state = Delivery(name)
        for event, text in zip(COLUMNS, texts, strict=True):
            to, _, act = ("", "", "") if text == "-" else text.partition(" ")
            found.append((state, event, Step(Delivery(to or state), ACTS[act])))
    return found


@pytest.mark.parametrize(
    ("state", "event", "step"), [pytest.param(*cell, id=f"{cell[0]}-{cell[1]}") for cell in cells()]
)
def test_a_cell_is_as_the_document_has_it(state: Delivery, event: Event, step: Step) -> None:
    assert TABLE[state, event] == step


def test_no_cell_is_forgotten() -> None:
    assert {(state, event) for state, event, _ in cells()} == set(TABLE)
    assert len(TABLE) == 8 * 13


def test_the_last_temporary_error_is_as_good_as_a_permanent_one() -> None:
    last = advance(Delivery.CLAIMED, Event.TEMPORARY, tries=5, max_tries=5)
    one_before = advance(Delivery.CLAIMED, Event.TEMPORARY, tries=4, max_tries=5)
    assert last == Step(Delivery.FAILED, Act.NEXT_WAY)
    assert one_before == Step(Delivery.QUEUED, Act.BACK_OFF)


def test_the_wait_doubles_and_is_bounded() -> None:
    assert [back_off_ms(tries) for tries in (1, 2, 3, 4, 5, 6, 60)] == [
        1_000,
        2_000,
        4_000,
        8_000,
        16_000,
        30_000,
        30_000,
    ]


def test_five_tries_end_well_before_the_minute_in_which_another_channel_is_due() -> None:
    assert sum(back_off_ms(tries) for tries in range(1, 5)) == 15_000
