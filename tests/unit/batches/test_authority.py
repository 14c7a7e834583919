"""Whose each act is: the whole matrix, written out here by role, and walked on a real ledger."""

import ast
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from itertools import combinations
from pathlib import Path

import pytest

from alerts.engine.orders import ORDERS
from alerts.engine.shelving import ORDERS as SHELVING
from alerts.engine.site_orders import SITE_ORDERS
from batches import authority
from batches.authority import ACTS, Denied, UnknownActError, Why, may, why_not, why_not_sign
from batches.batch import Signed
from batches.ledger import Ledger
from batches.lineage import Lineage
from batches.person import Person, PersonError, Role, check_roles
from batches.protocol import Protocol
from batches.vial import Place
from storage.acts import verify_chain
from storage.database import file_of
from tests.unit.batches.conftest import MONDAY, Clock
from tests.unit.batches.staff import PASSWORD, enlist, people_of

ROOT = Path(__file__).parents[3]
WORK = [
    "enrol",
    "biopsy",
    "open",
    "start",
    "place",
    "leave",
    "passage",
    "split",
    "pool",
    "freeze",
    "thaw",
    "close",
    "check",
    "dispose",
    "correct",
    "withdraw",
    *("ship", "dispatch", "arrive", "transfer", "lose", "accession", "carry", "intake"),
    *("sensor", "certify", "calibrate", "calibrated", "install", "reinstall", "uninstall", "care"),
]
ANSWER = ["ack", "unack", "reset", "done", "shelve", "unshelve", "in_service"]
ROTA = ["override", "swap", "withdraw", "rota", "drill"]
ALARM = {f"alarm.{verb}" for verb in ANSWER}
ROTAS = {f"alarm.{verb}" for verb in ROTA}
ADMINISTRATION = {
    *(
        "user-add",
        "user-change",
        "user-end",
        "user-return",
        "password-reset",
        "unlock",
        "pin",
        "token",
    ),
}
MATRIX: dict[str, set[str]] = {
    "operator": {*WORK, *ALARM, "sign-prepared", "password", "export", "record"},
    "on-call": {*ALARM, *ROTAS, "alarm.out_of_service", "alarm.suppress", "password"},
    "supervisor": {
        *(*WORK, "amend", "relink", "protocol", "erase"),
        *(*ALARM, *ROTAS, "alarm.out_of_service", "alarm.suppress", "alarm.edit", "alarm.remove"),
        *(
            "sign-prepared",
            "sign-reviewed",
            "password",
            "export",
            "record",
            "read-audit",
            "explain",
            "alarm.reload",
        ),
    },
    "qa": {
        *("sign-reviewed", "sign-approved", "sign-audit"),
        *("password", "export", "record", "read-audit"),
    },
    "admin": {*ADMINISTRATION, *ROTAS, "alarm.reload", "password", "backup"}
    | {"read-audit", "explain"},
    "auditor": {"password", "export", "record", "read-audit"},
}
OWN = {
    *(
        "bootstrap",
        "configuration",
        "alarm",
        "anchor",
        "denied",
        "alarm.tell",
        "alarm.due",
        "rehash",
    ),
    *("login", "login-failed", "login-locked", "lockout", "sign-on", "sign-on-failed"),
}
"""What the program does, and nobody orders."""


def person(*roles: str, active: bool = True) -> Person:
    return Person(row=1, id="anna", name="A.", roles=check_roles(roles), active=active)


@pytest.mark.parametrize("role", list(Role))
def test_each_role_may_do_exactly_this(role: Role) -> None:
    assert {act for act in ACTS if may(person(role), act)} == MATRIX[role]
    assert not any(may(person(role, active=False), act) for act in ACTS)


def test_every_act_is_somebodys_or_the_programs_own() -> None:
    assert ACTS.keys() == set().union(*MATRIX.values()) | OWN
    assert not any(may(None, act) for act in ACTS)
    assert {why_not(None, act) for act in ACTS} == {Why.NOBODY}


def valid_sets() -> Iterator[tuple[str, ...]]:
    for count in range(1, len(Role) + 1):
        for chosen in combinations(Role, count):
            try:
                check_roles(chosen)
            except PersonError:
                continue
            yield chosen


def test_no_set_of_roles_that_one_person_may_hold_breaks_the_separation() -> None:
    found = list(valid_sets())
    # 15 of operator, on-call, supervisor and admin, and qa and auditor alone.
    assert len(found) == 17
    for roles in found:
        can = {act for act in ACTS if may(person(*roles), act)}
        edits = can & {*WORK, "amend", "relink", "erase", *ALARM, "alarm.edit"}
        if "sign-approved" in can or "sign-audit" in can:
            assert not edits
            assert not can & ADMINISTRATION
        if "auditor" in roles:
            assert can == MATRIX["auditor"]


def test_nobody_reviews_or_approves_what_they_prepared() -> None:
    qa, both = person("qa"), person("supervisor")
    assert why_not_sign(qa, "sign-approved", touched=["ben"]) is None
    for act in ("sign-reviewed", "sign-approved", "sign-audit"):
        assert why_not_sign(qa, act, touched=["ben", "Anna"]) is Why.HANDS
    assert why_not_sign(both, "sign-prepared", touched=["anna"]) is None
    assert why_not_sign(both, "sign-approved", touched=[]) is Why.ROLE


def test_whose_hands_were_in_it_are_those_who_made_it(laboratory: Ledger) -> None:
    people = people_of(laboratory)
    people.add("nora", name="N.", roles=["qa"], password=PASSWORD, act=Signed(by="admin"))
    with pytest.raises(Denied):
        laboratory.close(B, act=Signed(by="qa"))
    touched = authority.hands(laboratory.acts(B))
    assert touched == {"supervisor", "operator"}
    laboratory.authorise("sign-approved", B, "qa", touched=touched)
    laboratory.authorise("sign-reviewed", C, "supervisor", touched=["operator"])
    with pytest.raises(Denied, match="nobody reviews or approves what they prepared"):
        laboratory.authorise("sign-reviewed", B, "supervisor", touched=touched)
    assert laboratory.trail().lines[-1].outcome == Why.HANDS


def test_a_role_that_was_written_in_behind_the_ledgers_back_does_not_count(
    laboratory: Ledger,
) -> None:
    file = file_of(laboratory.url)
    assert file is not None
    db = sqlite3.connect(file, isolation_level=None)
    (trigger,) = db.execute(
        "SELECT sql FROM sqlite_master WHERE name = 'person_no_update'"
    ).fetchone()
    db.execute("DROP TRIGGER person_no_update")
    db.execute("UPDATE person SET roles = 'operator' WHERE id = 'auditor'")
    db.execute(trigger)
    db.close()
    with pytest.raises(Denied, match="was changed; run culturewatch verify"):
        laboratory.remove(B, act=Signed(by="auditor"))
    laboratory.remove(B, act=Signed(by="operator"))


def test_an_act_without_a_line_is_never_let_pass(ledger: Ledger) -> None:
    with pytest.raises(UnknownActError, match="'teleport' has no line in"):
        may(person("admin"), "teleport")
    with pytest.raises(UnknownActError), ledger.database.writing():
        ledger.clerk.entry("teleport", "B-2026-0001", Signed(by="anna"))


def test_every_order_to_the_engine_has_a_line() -> None:
    verbs = {*ORDERS, *SHELVING, *SITE_ORDERS}
    assert {act.removeprefix("alarm.") for act in ACTS if act.startswith("alarm.")} == verbs


PLACES = {"entry": 0, "correction": 0, "_turn": 0, "_own": 0, "_end": 2} | dict.fromkeys(
    ("_descend", "_open_from", "_note"), 1
)
"""At which of its arguments a maker of entries is told the kind."""


def entered() -> set[str]:
    """The kinds of entries that the code of ``batches`` writes out, wherever one is made."""
    found = set()
    for path in sorted((ROOT / "batches").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name == "argsort":
                    continue  # whose kind is one of sorting
                kinds = [key.value for key in node.keywords if key.arg == "kind"]
                place = PLACES.get(name, len(node.args))
                kinds += node.args[place : place + 1]
                found |= {str(one.value) for one in kinds if isinstance(one, ast.Constant)}
    return found


def test_every_kind_that_the_ledger_enters_has_a_line() -> None:
    found = entered()
    assert {"open", "thaw", "relink", "user-add", "lockout", "unlock", "denied"} <= found
    assert found <= ACTS.keys()


PATIENT = "PT-7F3K9M2Q"
B, C, V = "B-2026-0001", "B-2026-0002", "B-2026-0001-V001"
Doing = Callable[[Ledger, Lineage, Signed], object]
DOINGS: dict[str, Doing] = {
    "open": lambda ledger, _, act: ledger.open_batch("B-2026-0009", product="x", act=act),
    "place": lambda ledger, _, act: ledger.place(C, "inc2", act=act),
    "leave": lambda ledger, _, act: ledger.remove(B, act=act),
    "close": lambda ledger, _, act: ledger.close(B, act=act),
    "correct": lambda ledger, _, act: ledger.correct(_stay(ledger), act=act, device="inc2"),
    "withdraw": lambda ledger, _, act: ledger.withdraw(_stay(ledger), act=act),
    "amend": lambda ledger, _, act: ledger.amend(B, act=act, product="y"),
    "check": lambda ledger, _, act: ledger.check(_stay(ledger), act=act),
    "protocol": lambda ledger, _, act: ledger.keep(Protocol(name="p", version="1"), act=act),
    "enrol": lambda _, lineage, act: lineage.enrol(act=act),
    "biopsy": lambda _, lineage, act: lineage.take("BX-2026-0002", PATIENT, act=act),
    "passage": lambda _, lineage, act: lineage.passage(B, act=act),
    "freeze": lambda _, lineage, act: lineage.freeze(B, [_slot("2")], act=act),
    "thaw": lambda _, lineage, act: lineage.thaw(V, act=act),
    "dispose": lambda _, lineage, act: lineage.dispose(V, act=act),
    "relink": lambda ledger, lineage, act: lineage.relink(
        next(line.row for line in ledger.trail().lines if line.item == "start"),
        "BX-2026-0001",
        act=act,
    ),
}
"""Each is judged by its first kind of entry; what opens a batch is judged as ``open``."""


def _slot(slot: str) -> Place:
    return Place(device="inc1", rack="R1", box="B1", slot=slot)


def _stay(ledger: Ledger) -> int:
    return ledger.stays(B)[0].row


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A person of each role, a batch of a patient, its vial, and another batch in a device."""
    folder = tmp_path_factory.mktemp("laboratory")
    ledger = Ledger(f"sqlite:///{folder}/data/ledger.db", now=lambda: MONDAY)
    enlist(ledger, {role: (role,) for role in Role})
    lineage, act = Lineage(ledger), Signed(by="supervisor")
    lineage.enrol(act=act, token=PATIENT)
    lineage.take("BX-2026-0001", PATIENT, act=act)
    lineage.start(B, "BX-2026-0001", product="x", act=act)
    ledger.open_batch(C, product="x", act=act)
    lineage.freeze(B, [_slot("1")], act=act)
    ledger.place(B, "inc1", act=Signed(by="operator"))
    ledger.database.close()
    return folder


@pytest.fixture
def laboratory(template: Path, tmp_path: Path, clock: Clock) -> Ledger:
    shutil.copytree(template, tmp_path / "copy")
    clock.at(0.1)
    devices = ["inc1", "inc2"]
    return Ledger(f"sqlite:///{tmp_path}/copy/data/ledger.db", devices=devices, now=clock)


def test_whatever_is_not_theirs_is_denied_and_kept(laboratory: Ledger) -> None:
    lineage = Lineage(laboratory)
    before = len(laboratory.trail().lines)
    expected: list[tuple[str, str, str, str, str]] = []
    for act, doing in DOINGS.items():
        for role in Role:
            if act in MATRIX[role]:
                continue
            with pytest.raises(Denied) as denied:
                doing(laboratory, lineage, Signed(by=role, reason="I want to"))
            assert (denied.value.why, denied.value.act) == (Why.ROLE, act)
            area = authority.duty(act).area
            expected.append((role, area, act, denied.value.subject, Why.ROLE))
    assert len(expected) > 60
    # All that was written down since is what was denied.
    lines = laboratory.trail().lines[before:]
    found = [(one.by, one.area, one.item, one.subject, one.outcome) for one in lines]
    assert found == expected
    assert verify_chain(laboratory.url) is None


@pytest.mark.parametrize("act", list(DOINGS))
def test_whose_it_is_can_do_it(laboratory: Ledger, act: str) -> None:
    role = "supervisor" if act in {"check", "amend", "relink", "protocol"} else "operator"
    DOINGS[act](laboratory, Lineage(laboratory), Signed(by=role, reason="needed"))
    assert act in {line.item for line in laboratory.trail(by=role).lines[-4:]}


def test_who_is_no_person_or_works_here_no_more_does_nothing(laboratory: Ledger) -> None:
    with pytest.raises(Denied, match="is no person of this ledger"):
        laboratory.open_batch("B-2026-0007", product="x", act=Signed(by="mallory"))
    line = laboratory.trail().lines[-1]
    # What was typed may have been a password.
    assert (line.by, line.item, line.outcome) == ("(unknown)", "open", Why.NOBODY)


def test_a_ledger_that_knows_nobody_works_as_before_and_old_handles_stay(ledger: Ledger) -> None:
    old = Signed(by="j.doe (night shift)")
    ledger.open_batch(B, product="x", act=old)
    enlist(ledger, {"boss": ("admin",), "op": ("operator",)})
    with pytest.raises(Denied):
        ledger.place(B, "inc1", act=old)
    ledger.place(B, "inc1", act=Signed(by="op"))
    assert ledger.batch(B).opened_by == old.by
    assert verify_chain(ledger.url) is None


def test_a_role_taken_away_counts_at_once(laboratory: Ledger) -> None:
    people = people_of(laboratory)
    people.change("operator", roles=["qa"], act=Signed(by="admin", reason="moved to QA"))
    with pytest.raises(Denied):
        laboratory.remove(B, act=Signed(by="operator"))
