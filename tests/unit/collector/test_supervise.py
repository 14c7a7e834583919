"""A crashed part starts again, somebody is told, and nothing else in the project does this."""

import ast
import asyncio
from pathlib import Path

import pytest

import collector
from collector.supervise import supervise


class Part:
    """Crashes so often, then ends."""

    def __init__(self, crashes: int) -> None:
        self.crashes = crashes
        self.runs = 0

    async def run(self) -> None:
        self.runs += 1
        if self.runs <= self.crashes:
            raise ZeroDivisionError(f"run {self.runs}")


async def test_a_crashed_part_starts_again_and_each_crash_is_told() -> None:
    part, told = Part(crashes=3), list[str]()
    await supervise(
        "poll x",
        part.run,
        on_crash=lambda name, error: told.append(f"{name}: {error}"),
        first_pause_s=0.001,
    )
    assert part.runs == 4
    assert told == ["poll x: run 1", "poll x: run 2", "poll x: run 3"]


async def test_cancelling_ends_a_part_and_is_no_crash() -> None:
    told: list[str] = []
    started = asyncio.Event()

    async def wait() -> None:
        started.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(
        supervise("part", wait, on_crash=lambda name, _: told.append(name)), name="part"
    )
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == []


def test_only_one_place_of_the_project_survives_the_unexpected() -> None:
    root = Path(next(iter(collector.__path__))).parent
    packages = ("alerts", "batches", "collector", "console", "culturewatch", "devices")
    found = [
        path.relative_to(root).as_posix()
        for package in (*packages, "simulators", "storage")
        for path in sorted((root / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception"))
    ]
    assert found == ["collector/supervise.py"]
