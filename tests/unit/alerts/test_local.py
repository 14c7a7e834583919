"""The inbox file."""

import asyncio
import json
import logging
import stat
from pathlib import Path

import pytest

from alerts.notify.local import LocalNotifier
from alerts.notify.notifier import Message, TemporaryError


def page(number: int) -> Message:
    return Message(
        id=f"page-{number}",
        kind="page",
        person="A",
        address="",
        subject=f"CRITICAL {number}",
        text="warm",
        link="http://127.0.0.1/ack/secret",
    )


async def test_messages_are_appended_one_a_line_for_the_owner_only(tmp_path: Path) -> None:
    inbox = tmp_path / "out" / "inbox.jsonl"
    async with asyncio.TaskGroup() as tasks:
        notifier = LocalNotifier(inbox)
        sent = [tasks.create_task(notifier.send(page(n))) for n in range(20)]
    assert all(task.result().delivered for task in sent)
    lines = [json.loads(line) for line in inbox.read_text().splitlines()]
    assert sorted(line["id"] for line in lines) == sorted(f"page-{n}" for n in range(20))
    assert stat.S_IMODE(inbox.stat().st_mode) == 0o600


async def test_half_a_line_left_by_a_crash_does_not_swallow_the_next(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox.jsonl"
    inbox.write_text('{"id": "torn')
    await LocalNotifier(inbox).send(page(1))
    torn, whole = inbox.read_text().splitlines()
    assert torn == '{"id": "torn'
    assert json.loads(whole)["id"] == "page-1"


async def test_the_log_names_the_message_and_never_the_link(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        await LocalNotifier(tmp_path / "inbox.jsonl").send(page(1))
    assert "to A: CRITICAL 1" in caplog.text
    assert "secret" not in caplog.text


async def test_a_file_that_cannot_be_written_is_worth_another_try(tmp_path: Path) -> None:
    with pytest.raises(TemporaryError, match="inbox"):
        await LocalNotifier(tmp_path).send(page(1))
