"""Does what a page of the documents says, in a folder of its own and at ports of its own."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.services import free_port, wait_until
from tools.documents import ROOT, Block, Mark

BIN = Path(sys.executable).parent
READY = "the simulated devices answer"
"""What simulated hardware says when it can be read."""
WITHIN_S = 90.0
STOP_S = 20.0
_PORT = re.compile(r"(?:port = |127\.0\.0\.1:|localhost:|listener |-p )(\d{2,5})\b")


class Session:
    """One page. Ports of loopback that stand in it are exchanged for free ones, everywhere."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self._stack = stack
        self._ports: dict[str, int] = {}
        self._going: dict[str, subprocess.Popen[bytes]] = {}
        # Not the shell's of whoever runs the tests: a page starts from nothing.
        kept = ("HOME", "LANG", "TMPDIR", "PYTHONPATH", "USER", "LOGNAME")
        self._environment = {name: os.environ[name] for name in kept if name in os.environ}
        path = f"{BIN}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/usr/local/sbin"
        self._environment |= {"PATH": path, "PYTHONUNBUFFERED": "1", "COLUMNS": "160"}

    def as_marked(self, block: Block, mark: Mark) -> None:
        """Do what one mark says."""
        match mark.word:
            case "stage":
                self.stage(mark.said)
            case "before":
                self.do(Block(block.page, block.line, mark.said), Mark("run"))
            case "beside":
                self.go_on(mark.said, (READY,))
            case "stop":
                self.stop(mark.said)
            case "run":
                self.do(block, mark)

    def stage(self, name: str) -> None:
        """Prepare what is there before the page begins."""
        if name == "repository":
            for part in ("examples", "deploy", "tests", "devices", "tools", "docs"):
                (self.folder / part).symlink_to(ROOT / part)
            return
        if name in {"site", "running site"}:
            shutil.copytree(ROOT / "examples", self.folder, dirs_exist_ok=True)
            for path in self.folder.rglob("*.toml"):
                path.write_text(self._here(path.read_text(encoding="utf-8")), encoding="utf-8")
        if name == "running site":
            self.go_on("culturewatch simulate site.toml", (READY,))
            self.go_on("culturewatch run site.toml", ("the console is at",))
            self._until(
                Block("", 0, "culturewatch status site.toml"), Mark("run"), ("37.", "core runs")
            )

    def write(self, block: Block) -> None:
        """Write the file that a block shows."""
        path = self.folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        text = self._here(block.text) + "\n"
        if block.is_added:
            text = f"{path.read_text(encoding='utf-8')}\n{text}"
        path.write_text(text, encoding="utf-8")

    def do(self, block: Block, mark: Mark) -> None:
        """Run the commands of a block, as its mark says."""
        wanted = mark.quoted("prints") or mark.quoted("until it prints")
        if "goes on" in mark.parts:
            self.go_on(block.text, wanted)
        elif mark.quoted("until it prints"):
            self._until(block, mark, wanted)
        else:
            code, printed = self._run(block.text, mark.quoted("answers"))
            where = f"{block.page}:{block.line}"
            assert code == mark.exit_code, f"{where}: exit {code}\n{printed}"
            for words in wanted:
                assert self._here(words) in printed, f"{where}: no {words!r} in\n{printed}"

    def stop(self, command: str) -> None:
        """End what goes on and begins with ``command``."""
        found = [name for name in self._going if name.startswith(command)]
        assert found, f"nothing like {command!r} goes on"
        for name in found:
            self._end(self._going.pop(name))

    def _run(self, text: str, answers: tuple[str, ...] = ()) -> tuple[int, str]:
        done = subprocess.run(  # noqa: S603 # what the page says
            ["bash", "-e", "-o", "pipefail", "-c", self._here(text)],  # noqa: S607 # the reader's own bash
            cwd=self.folder,
            env=self._environment,
            input="".join(f"{line}\n" for line in answers),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=WITHIN_S,
        )
        return done.returncode, done.stdout

    def _until(self, block: Block, mark: Mark, wanted: tuple[str, ...]) -> None:
        printed = ""

        def shown() -> bool:
            nonlocal printed
            code, printed = self._run(block.text, mark.quoted("answers"))
            return code == mark.exit_code and all(self._here(one) in printed for one in wanted)

        wait_until(shown, within_s=WITHIN_S)
        assert all(self._here(one) in printed for one in wanted), f"{wanted} not in\n{printed}"

    def go_on(self, text: str, wanted: tuple[str, ...]) -> None:
        """Start what goes on until the page ends, and wait until it prints what is ``wanted``."""
        log = self.folder / f".{len(self._going)}-{time.monotonic_ns()}.log"
        with log.open("wb") as out:
            process = subprocess.Popen(  # noqa: S603 # what the page says
                # What a shell runs in the background ignores Ctrl-C, and so would all it starts.
                ["env", "--default-signal=INT", "bash", "-c", f"exec {self._here(text).strip()}"],  # noqa: S607 # the reader's own
                cwd=self.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._stack.callback(self._end, process)
        self._going[text.strip()] = process

        def said() -> bool:
            printed = log.read_text(encoding="utf-8", errors="replace")
            return process.poll() is not None or all(one in printed for one in wanted)

        wait_until(said, within_s=WITHIN_S)
        printed = log.read_text(encoding="utf-8", errors="replace")
        assert process.poll() is None, f"{text}: ended\n{printed}"
        assert all(one in printed for one in wanted), f"{wanted} not in\n{printed}"

    @staticmethod
    def _end(process: "subprocess.Popen[bytes]") -> None:
        if process.poll() is None:
            # As Ctrl-C does: to all that the terminal runs.
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                raise

    def _here(self, text: str) -> str:
        """The text with free ports in the place of those that it names."""

        def exchanged(found: re.Match[str]) -> str:
            port = found[1]
            if port not in self._ports:
                self._ports[port] = free_port()
            return found[0].replace(port, str(self._ports[port]))

        return _PORT.sub(exchanged, text)


@contextmanager
def session(folder: Path) -> Iterator[Session]:
    """A page's session; whatever it left going is ended with it."""
    with ExitStack() as stack:
        yield Session(folder, stack)


def follow(blocks: list[Block], folder: Path) -> None:
    """Do all that a page says."""
    with session(folder) as doing:
        for block in blocks:
            if block.title:
                doing.write(block)
            if block.mark is not None:
                doing.as_marked(block, block.mark)
