"""A device that is another than before: kept in the journal, told, and known after a restart."""

from pathlib import Path

import pytest

from batches.verify import verify
from culturewatch import collecting
from culturewatch.acquaintance import Acquaintance, AcquaintanceError
from culturewatch.collecting import Collecting
from culturewatch.site import load
from culturewatch.troubles import Troubles
from devices.identity import Identity
from storage.consistency import Wrong
from storage.entry import Introduced
from storage.introduced import NAME, check, spelled
from storage.journal import Journal
from storage.reader import JournalReader

EXAMPLE = Path(__file__).parents[3] / "examples" / "site.toml"
OLD, NEW = (
    Identity(vendor="Acme", more={"0x80": "S1"}),
    Identity(vendor="Acme", more={"0x80": "S2"}),
)


async def run(data: Path, journal: Path, *said: Identity) -> list[str]:
    """What a core says that hears ``said``, with its data where ``data`` is."""
    troubles = Troubles()
    async with Journal(journal) as kept:
        room = Collecting(load(EXAMPLE), kept, troubles, lambda scan: scan)
        room._acquaintance = Acquaintance(data / "identities.json")
        for one in said:
            await room._introduced("inc1", one)
    return list(troubles.newest)


async def test_an_exchanged_device_is_told_and_stands_in_the_journal(tmp_path: Path) -> None:
    assert await run(tmp_path, tmp_path, OLD, OLD) == []
    # It is exchanged while no core runs.
    (told,) = await run(tmp_path, tmp_path, NEW, NEW)
    assert told.startswith("inc1 says it is another than before: 0x80 'S1' -> 'S2'; if it was")
    with JournalReader(tmp_path) as reader:
        notes = [note for note in reader.notes() if isinstance(note, Introduced)]
    first, second = {"vendor": "Acme", "0x80": "S1"}, {"vendor": "Acme", "0x80": "S2"}
    assert [(note.device, note.said, note.before) for note in notes] == [
        ("inc1", first, {}),
        ("inc1", second, first),
    ]


async def test_a_journal_that_takes_its_time_does_not_hold_up_whoever_polls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collecting, "KEEP_S", 0.02)
    troubles = Troubles()
    # Nothing is committed within this test.
    async with Journal(tmp_path, group_ms=3_600_000, group_size=1_000) as journal:
        room = Collecting(load(EXAMPLE), journal, troubles, lambda scan: scan)
        room._acquaintance = Acquaintance(tmp_path / "identities.json")
        await room._introduced("inc1", OLD)
        assert list(troubles.newest) == ["inc1: who it is was not kept within 0.02 s"]
        # It is not known then, and told of when it is heard again.
        assert await room._acquaintance.of("inc1") is None


async def test_what_cannot_be_kept_is_said_and_not_taken_for_known(tmp_path: Path) -> None:
    (tmp_path / "identities.json").write_text("{", encoding="utf-8")
    (told,) = await run(tmp_path, tmp_path, NEW)
    assert "delete it, and each device is met anew" in told
    with pytest.raises(AcquaintanceError, match="check the disk"):
        await Acquaintance(tmp_path / "not-there" / "identities.json").keep("inc1", NEW)


def faults(data: Path) -> list[str]:
    return [f"{each.where}: {each.what}" for each in check(data) if isinstance(each, Wrong)]


async def test_each_changed_byte_of_who_the_devices_are_is_found(tmp_path: Path) -> None:
    await run(tmp_path, tmp_path, OLD)
    path = tmp_path / NAME
    kept = path.read_bytes()
    assert faults(tmp_path) == []
    assert verify(tmp_path).sound
    for at in range(len(kept)):
        path.write_bytes(kept[:at] + bytes([kept[at] ^ 1]) + kept[at + 1 :])
        assert [one.split(":")[0] for one in faults(tmp_path)] == [NAME], at
    assert verify(tmp_path).faults[-1].where == NAME


async def test_a_file_that_was_written_anew_is_held_against_the_journal(tmp_path: Path) -> None:
    await run(tmp_path, tmp_path, OLD, NEW)
    # A crash between journal and file leaves what was said before.
    (tmp_path / NAME).write_bytes(spelled({"inc1": OLD}))
    assert faults(tmp_path) == []
    (tmp_path / NAME).write_bytes(spelled({"inc1": Identity(vendor="Acme", more={"0x80": "S3"})}))
    (told,) = faults(tmp_path)
    assert told.startswith("identities.json: says of inc1 vendor 'Acme', 0x80 'S3', the journal")


async def test_a_file_of_before_its_last_line_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b'{"inc1":{"vendor":"Acme","more":{"0x80":"S1"}}}')
    assert await Acquaintance(tmp_path / NAME).of("inc1") == OLD
    await Acquaintance(tmp_path / NAME).keep("inc1", NEW)
    assert (tmp_path / NAME).read_bytes() == spelled({"inc1": NEW})
