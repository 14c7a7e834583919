"""What would mix patients or contradict the ledger is refused; a token is never a name."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batches.batch import Signed
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.placement import Refused
from batches.vial import Place, is_token, new_token
from tests.unit.batches.conftest import HOUR, MONDAY
from tests.unit.batches.lineage.cells import ANNA, BIOPSY, OTHER, P0, POOL, TOKEN, A, C
from tests.unit.batches.vials import slot

pytestmark = pytest.mark.long


@pytest.mark.usefixtures("told")
def test_cells_of_two_patients_are_never_mixed(ledger: Ledger, lineage: Lineage) -> None:
    lineage.enrol(token=OTHER, act=ANNA)
    lineage.take("BX-2026-0002", OTHER, act=ANNA)
    lineage.start("B-2026-0011", "BX-2026-0002", product="fibroblasts", act=ANNA)
    before = ledger.head()
    with pytest.raises(Refused, match=r"would hold cells of PH-.* and PH-.*; never mixed"):
        lineage.pool([POOL, "B-2026-0011"], "B-2026-0012", act=ANNA)
    ledger.open_batch("B-2026-0013", product="x", act=ANNA)
    with pytest.raises(Refused, match="whose cells B-2026-0013 holds is not entered"):
        lineage.pool([POOL, "B-2026-0013"], "B-2026-0012", act=ANNA)
    assert ledger.head().sequence == before.sequence + 1


@pytest.mark.usefixtures("told")
@pytest.mark.parametrize(
    ("act", "said"),
    [
        pytest.param(lambda n: n.take("BX-2026-0001", TOKEN, act=ANNA), "exists already", id="two"),
        pytest.param(lambda n: n.take(P0, TOKEN, act=ANNA), "exists already", id="batch's id"),
        pytest.param(lambda n: n.take("BX-2026-0003", OTHER, act=ANNA), "enrol", id="no patient"),
        pytest.param(lambda n: n.enrol(token=TOKEN, act=ANNA), "exists already", id="token again"),
        pytest.param(
            lambda n: n.start("B-2026-0020", "BX-2026-0009", product="x", act=ANNA),
            "is not a biopsy",
            id="no biopsy",
        ),
        pytest.param(
            lambda n: n.start(
                "B-2026-0020",
                BIOPSY,
                product="x",
                act=Signed(by="a", at=MONDAY - HOUR, reason="late"),
            ),
            "cannot begin before BX-2026-0001 was taken",
            id="before the biopsy",
        ),
        pytest.param(
            lambda n: n.take("BX-2026-000\N{ARABIC-INDIC DIGIT ONE}", TOKEN, act=ANNA),
            "is not a batch id",
            id="digits that only look so",
        ),
        pytest.param(lambda n: n.passage(P0, number=1, act=ANNA), "is in passage P1", id="again"),
        pytest.param(lambda n: n.passage(A, act=ANNA), "is closed", id="passage of a closed one"),
        pytest.param(lambda n: n.split(A, ["B-2026-0020"], act=ANNA), "is closed", id="split"),
        pytest.param(lambda n: n.split(P0, [C], act=ANNA), "exists already", id="split into old"),
        pytest.param(lambda n: n.pool([P0], "B-2026-0020", act=ANNA), "of two", id="pool of one"),
        pytest.param(lambda n: n.freeze(A, [slot(5)], act=ANNA), "is closed", id="freeze"),
        pytest.param(
            lambda n: n.freeze(POOL, [slot(5, "ln2z")], act=ANNA),
            "'ln2z' is not a device of this site",
            id="no freezer",
        ),
        pytest.param(
            lambda n: n.store(
                f"{POOL}-V002", Place(device="ln2a", rack="R/1", box="B", slot="1"), act=ANNA
            ),
            "rack 'R/1' may hold",
            id="no rack",
        ),
        pytest.param(
            lambda n: n.store(f"{POOL}-V001", slot(5), act=ANNA), "is closed", id="thawed vial"
        ),
        pytest.param(lambda n: n.thaw(f"{POOL}-V001", act=ANNA), "is closed", id="thawed twice"),
        pytest.param(lambda n: n.thaw(f"{POOL}-V009", act=ANNA), "is not a vial", id="no vial"),
        pytest.param(lambda n: n.dispose(P0, act=ANNA), "say why", id="disposed for no reason"),
        pytest.param(
            lambda n: n.dispose(f"{POOL}-V001", act=Signed(by="a", reason="x")),
            "is closed",
            id="disposed after the thaw",
        ),
    ],
)
def test_what_contradicts_the_ledger_is_refused_and_leaves_nothing(
    ledger: Ledger, lineage: Lineage, act: Callable[[Lineage], object], said: str
) -> None:
    before = ledger.head()
    with pytest.raises(Refused, match=said):
        act(lineage)
    assert ledger.head() == before


@pytest.mark.parametrize(
    "text",
    ["", "PT-MUELLER", "PT-ANNA1234I", "Anna Maier", "PT-1234567", "pt-7f3k9m2q", "PT-A1BCDEFG"],
)
def test_a_name_is_no_token(lineage: Lineage, text: str) -> None:
    assert not is_token(text)
    if text:
        with pytest.raises(Refused, match=r"is no token; .* never a name"):
            lineage.enrol(token=text, act=ANNA)


def test_a_token_is_made_when_none_is_given(lineage: Lineage) -> None:
    first, second = lineage.enrol(act=ANNA), lineage.enrol(act=ANNA)
    assert first != second
    assert is_token(first)
    assert is_token(new_token())


@given(st.text(max_size=30))
def test_a_token_never_holds_a_word(text: str) -> None:
    if is_token(text):
        assert sum(sign.isdigit() for sign in text) >= 2
        assert text.isascii()
