"""The screens of batches and the bank, without a browser: search, kin, maps, acts."""

from pathlib import Path

import pytest

from batches.bank import Bank
from batches.batch import Batch, Signed
from batches.kinship import Kin
from batches.lineage import Lineage
from batches.password import Passwords
from batches.placement import Placement, Refused
from batches.vial import Place
from console import batch_page, bench_work, places
from console.bench_work import WorkDesk, slot
from console.entrance import Entrance
from console.orders import Became
from console.view import Equipment
from tests.unit.batches.staff import QUICK, enlist, folder
from tests.unit.console.lab import ledger_of, settings
from tests.unit.console.test_orders import visitor

PATIENT = "PT-7F3K9M2Q"


def batch(name: str, product: str, opened: int, *, closed: int | None = None) -> Batch:
    return Batch(
        row=1,
        id=name,
        product=product,
        protocol="",
        opened_at=opened,
        opened_by="olga",
        reason="",
        closed_at=closed,
    )


def stay(name: str, position: str, device: str = "ln2a") -> Placement:
    return Placement(
        row=1,
        batch=name,
        device=device,
        position=position,
        start=0,
        end=None,
        by="olga",
        entered=0,
        reason="",
    )


def kin(parent: str, child: str) -> Kin:
    return Kin(row=1, child=child, parent=parent, kind="split", at=0, by="olga")


BATCHES = (
    batch("B-2026-0001", "Fibroblasts, passage 2", 1),
    batch("B-2026-0002", "Keratinocytes", 2),
    batch("B-2026-0003", "Fibroblasts", 3, closed=4),
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["B-2026-0002", "B-2026-0001", "B-2026-0003"]),
        ("FIBRO", ["B-2026-0001", "B-2026-0003"]),
        ("fibro inc1", ["B-2026-0001"]),
        ("shelf", ["B-2026-0001"]),
        ("nothing", []),
    ],
)
def test_all_words_of_a_search_are_found_somewhere(text: str, names: list[str]) -> None:
    inside = {"B-2026-0001": stay("B-2026-0001", "shelf 1", "inc1")}
    assert [line.id for line in batch_page.found(BATCHES, inside, text)] == names


def test_generations_stand_from_left_to_right_also_where_a_way_is_shorter() -> None:
    up = [kin("biopsy", "a"), kin("patient", "biopsy")]
    down = [kin("a", "b"), kin("b", "c"), kin("a", "c")]
    made = batch_page.picture("a", up, down)
    columns = {node.id: node.x / batch_page.COLUMN for node in made.nodes}
    assert columns == {"patient": 0, "biopsy": 1, "a": 2, "b": 3, "c": 4}
    assert [node.id for node in made.nodes if node.is_self] == ["a"]
    assert len(made.edges) == 5
    assert made.left_out == 0


def test_siblings_do_not_lie_on_each_other_and_too_many_are_counted() -> None:
    made = batch_page.picture("a", [], [kin("a", f"v{n}") for n in range(500)])
    places_ = [(node.x, node.y) for node in made.nodes]
    assert len(set(places_)) == len(places_) == batch_page.MOST + 1
    assert made.left_out == 100


def test_one_without_kin_stands_alone() -> None:
    assert [node.id for node in batch_page.picture("a", [], []).nodes] == ["a"]


def test_a_map_has_slots_in_the_order_in_which_people_count() -> None:
    made = places.racks(
        [stay("v10", "1/A/10"), stay("v2", "1/A/2"), stay("v1", "2/A/1"), stay("b", "shelf 1")]
    )
    assert [(rack.name, [box.name for box in rack.boxes]) for rack in made] == [
        ("", [""]),
        ("1", ["A"]),
        ("2", ["A"]),
    ]
    assert [one.by for one in made[1].boxes[0].slots] == ["v2", "v10"]


def test_a_full_freezer_is_opened_box_by_box() -> None:
    most = places.MOST_SLOTS
    stays = [stay(f"v{n}", f"1/{'AB'[n % 2]}/{n}") for n in range(most + 1)]
    made = places.racks(stays)
    assert places.is_full(made)
    assert not places.is_full(places.racks(stays[:most]))
    (rack,) = places.opened(made, "1", "B")
    assert [(box.name, len(box.slots)) for box in rack.boxes] == [("B", most // 2)]
    assert places.opened(made, "1", "C") == ()


@pytest.mark.parametrize(
    ("text", "device"),
    [
        ("inc1", "inc1"),
        (" INC1 ", "inc1"),
        ("incubator 1", "inc1"),
        ("inc", ""),
        ("inc10", "inc10"),
        ("twin", ""),
        ("own", ""),
        ("", ""),
    ],
)
def test_a_scanned_device_is_known_by_its_whole_id_or_name(text: str, device: str) -> None:
    equipment = [
        Equipment(id=id_, name=name, location="", period_ms=1, is_system=id_ == "own")
        for id_, name in (
            ("inc1", "Incubator 1"),
            ("inc10", ""),
            ("a", "Twin"),
            ("b", "Twin"),
            ("own", "own"),
        )
    ]
    assert bench_work.device_called(text, equipment) == device


@pytest.mark.parametrize("text", ["", "1/2", "1/2/3/4", "shelf"])
def test_the_place_of_a_vial_is_rack_box_and_slot(text: str) -> None:
    with pytest.raises(Refused, match="rack/box/slot"):
        slot("ln2a", text)


def test_a_batch_is_shown_with_its_patients_token_wherever_the_ledger_is(tmp_path: Path) -> None:
    lineage, act = Lineage(ledger_of(tmp_path)), Signed(by="olga")
    lineage.enrol(token=PATIENT, act=act)
    lineage.take("BX-2026-0001", PATIENT, act=act)
    lineage.start("B-2026-0001", "BX-2026-0001", product="Fibroblasts", act=act)
    entrance = Entrance(settings(tmp_path))
    assert bench_work.read(entrance.ledger, "B-2026-0001").patient == PATIENT


async def test_a_batch_is_placed_moved_and_taken_out_and_a_vial_thawed(tmp_path: Path) -> None:
    ledger = ledger_of(tmp_path)
    ledger.open_batch("B-2026-0001", product="Fibroblasts", act=Signed(by="olga"))
    enlist(ledger, {"admin": ["admin"], "olga": ["operator"], "quinn": ["qa"]})
    entrance = Entrance(settings(tmp_path), passwords=Passwords(folder(ledger), with_hasher=QUICK))
    work, olga = WorkDesk(entrance), visitor(ledger, "olga")

    async def put(device: str, position: str) -> Became:
        ordered = await work.place(olga, "B-2026-0001", device=device, position=position)
        return ordered.became

    assert await put("inc1", "shelf\n1") is Became.DONE
    assert await put("ln2a", "shelf 2") is Became.DONE
    found = bench_work.read(ledger, "B-2026-0001")
    assert [(one.device, one.position, one.end is None) for one in found.stays] == [
        ("inc1", "shelf 1", False),
        ("ln2a", "shelf 2", True),
    ]
    assert found.here is not None
    assert await put("inc9", "shelf 1") is Became.REFUSED
    denied = await work.take_out(visitor(ledger, "quinn"), "B-2026-0001")
    assert denied.became is Became.REFUSED
    assert "no role" in denied.why
    assert (await work.take_out(olga, "B-2026-0001")).became is Became.DONE

    act = Signed(by="olga")
    Lineage(ledger).passage("B-2026-0001", act=act)
    (vial,) = Lineage(ledger).freeze(
        "B-2026-0001", [Place(device="ln2a", rack="1", box="A", slot="1")], act=act
    )
    assert (await work.place(olga, vial.id, device="ln2a", position="1/A/2")).became is Became.DONE
    assert (await work.place(olga, vial.id, device="ln2a", position="2")).became is Became.REFUSED
    thawed = await work.thaw(olga, vial.id, into="B-2026-0002")
    assert thawed.became is Became.DONE
    assert Bank(ledger).vial(vial.id).ended_how == "thaw"
    assert bench_work.read(ledger, vial.id).descendants[0].child == "B-2026-0002"
