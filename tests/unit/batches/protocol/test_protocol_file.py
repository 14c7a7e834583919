"""What the file of a protocol may say, and how a mistake in it is told."""

import pytest

from batches.protocol import ProtocolError, decode, encode, load
from tests.unit.batches.conftest import MINUTE
from tests.unit.batches.protocol_file import GOOD, Edit

pytestmark = pytest.mark.long


def test_a_good_protocol_says_what_holds_for_a_channel(edited: Edit) -> None:
    protocol = load(edited("3", "3"))
    assert protocol.reference == "fibroblast@3"
    step = protocol.step_in("inc2")
    assert step is not None
    assert protocol.step_in("ln2a") is None
    heat, gas, door = (step.policy(key) for key in ("temperature", "carbon_dioxide", "door"))
    assert (heat.limits.low, heat.limits.high, heat.coverage) == (36.0, 38.0, 95.0)
    assert heat.allowed is not None
    assert (heat.allowed.longest, heat.allowed.per) == (5 * MINUTE, 24 * 60 * MINUTE)
    assert (gas.limits.low, gas.allowed) == (4.5, None)
    assert not door.limits.given


def test_spaces_in_the_file_do_not_make_another_version(edited: Edit) -> None:
    plain = load(edited("3", "3"))
    assert load(edited("low = 36.0", "low   =  36.00 # degC")) == plain
    assert decode(encode(plain)) == plain


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("coverage", "covrage", ":14: step[0].limit[0]: unknown key `covrage`; did you mean"),
        ('version = "3"', "version = 3", ":3: version: Expected `str`, got `int`"),
        ('"fibroblast"', '"fibro blast"', ":2: name 'fibro blast' may hold letters"),
        ("low = 36.0", "low = 38.5", ":5: step 'culture' (temperature): low 38.5 lies above"),
        ("low = 36.0\nhigh = 38.0\n", "", ": say low, high or both"),
        ("high = 38.0", "high = nan", ": limits and coverage are numbers"),
        ("95.0", "101.0", ": coverage 101 is no percentage"),
        ("95.0", "0.0", ": coverage 0 is no percentage"),
        (", times = 1", "", ": times and per belong together"),
        ("times = 1", "times = 0", ": times = 0 allows none"),
        ('longest = "5m"', 'longest = "0s"', ": an excursion of no time is none"),
        ("high = 39.0", "high = 37.0", ": the allowed range ends at 37, inside the limits"),
        ("low = 34.0", "low = 36.5", ": the allowed range begins at 36.5, inside the limits"),
        ('["inc*"]', "[]", ":7: step 'culture' names no device"),
        (GOOD[GOOD.index("[[step]]") :], "", ": there is no [[step]]"),
        (GOOD[GOOD.index("[[step.limit]]") :], "", ":5: step 'culture' has no [[step.limit]]"),
    ],
)
def test_a_mistake_is_told_with_file_and_line(edited: Edit, old: str, new: str, said: str) -> None:
    path = edited(old, new)
    with pytest.raises(ProtocolError) as refused:
        load(path)
    assert str(refused.value).startswith(f"{path}:")
    assert said in str(refused.value)


def test_every_mistake_is_told_at_once(edited: Edit) -> None:
    path = edited("low = 36.0", "low = 38.5")
    path.write_text(path.read_text().replace("low = 4.5", "low = 6.5"))
    with pytest.raises(ProtocolError) as refused:
        load(path)
    assert len(str(refused.value).splitlines()) == 2
