"""What devices say of themselves (43/14), as a manual prints it and as 6.21 lays it out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices import catalog
from devices.identity import Identity, IdentityError, difference, identity, page
from devices.likeness import MAKER_BITS, MODEL_BITS, name_bits

# KBR MULTICOMP F144 manual 25359_EDEBDA0279-2320-1_EN, p. 63, from behind the MEI type on.
KBR = bytes.fromhex(
    "010100000300084B425220476D624801126D756C7469636F6D7020463134342D332020020920322E303072303136"
)


def test_the_printed_answer_of_a_device_reads_as_the_manual_says() -> None:
    one = page(KBR)
    assert (one.level, one.conformity, one.following) == (1, 1, None)
    assert identity(one.objects) == Identity(
        vendor="KBR GmbH", product_code="multicomp F144-3", revision="2.00r016"
    )


def test_more_follows_names_the_object_with_which_it_goes_on() -> None:
    # Regular, conformity 82 (stream and individual access), more follows, next object 2.
    one = page(bytes.fromhex("0282FF0201") + b"\x00\x04Acme")
    assert (one.conformity, one.following) == (2, 2)
    assert one.objects == {0: b"Acme"}


@pytest.mark.parametrize(
    ("data", "why"),
    [
        pytest.param("01010000", "too short", id="no head"),
        pytest.param("0101070000", "neither 00 nor FF", id="more of no meaning"),
        pytest.param("0101000001000441", "inside object 1", id="cut"),
        pytest.param("010100000100", "inside object 1", id="object without a length"),
        pytest.param("0101000001000141FF", "1 bytes stand behind", id="too long"),
    ],
)
def test_what_is_not_whole_is_not_read(data: str, why: str) -> None:
    with pytest.raises(IdentityError, match=why):
        page(bytes.fromhex(data))


@given(st.binary(max_size=260))
def test_any_bytes_are_a_page_or_an_error(data: bytes) -> None:
    try:
        one = page(data)
    except IdentityError:
        return
    assert identity(one.objects).words.isprintable()


def test_what_cannot_be_shown_is_written_out_and_filling_left_off() -> None:
    said = identity({0: b"V\x1b[2J\0\0", 0x80: b" S1234 ", 0x81: b"\0"})
    assert said.vendor == "V\\x1b[2J"
    assert said.more == {"0x80": "S1234"}


def test_a_difference_names_what_changed() -> None:
    before = Identity(vendor="Acme", more={"0x80": "S1"})
    assert difference(before, before) == ""
    now = Identity(vendor="Acme", revision="2", more={"0x80": "S2"})
    assert difference(before, now) == "0x80 'S1' -> 'S2', revision '' -> '2'"


@pytest.mark.parametrize(
    ("said", "profile", "bits"),
    [
        ("GMP252", "vaisala-gmp252", MODEL_BITS),
        ("GMP252B1A0", "vaisala-gmp252", MODEL_BITS),
        ("GMP252", "vaisala-gmp251", 0.0),
        ("GMP2521", "vaisala-gmp252", 0.0),
        ("Vaisala probe", "vaisala-gmp252", MAKER_BITS),
        ("", "vaisala-gmp252", 0.0),
    ],
)
def test_a_name_speaks_for_the_profile_of_that_model(said: str, profile: str, bits: float) -> None:
    assert name_bits(catalog.find(profile), Identity(product_name=said)) == bits
