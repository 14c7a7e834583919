"""Dashboards and excursions in a local server that speaks Grafana's documented HTTP API.

Source: Grafana's HTTP API reference, "Dashboard", "Folder" and "Annotations".
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from typer.testing import CliRunner

from alerts.reader import Recorded
from alerts.transition import Transition, What
from culturewatch.cli import app
from culturewatch.grafana import FOLDER, Grafana, GrafanaError, Region, dashboards, regions

EXAMPLE = Path(__file__).parents[3] / "examples" / "site.toml"
TOKEN = "glsa_of-the-test"  # noqa: S105 # no secret
HOUR = 3_600_000
NOON = 1_767_596_400_000


class Server:
    """What a Grafana keeps."""

    def __init__(self) -> None:
        self.folders: dict[str, dict[str, Any]] = {}
        self.boards: dict[str, dict[str, Any]] = {}
        self.annotations: list[dict[str, Any]] = []
        self.refuses = 0
        self.url = ""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:  # noqa: ANN401, PLR0911 # JSON; a case each
        parts = urlsplit(path)
        match method, parts.path.removeprefix("/api").strip("/").split("/"):
            case _ if self.refuses:
                return self.refuses, {"message": "refused"}
            case "GET", ["folders", uid]:
                found = self.folders.get(uid)
                return (200, found) if found else (404, {"message": "folder not found"})
            case "POST", ["folders"]:
                self.folders[body["uid"]] = body
                return 200, body
            case "POST", ["dashboards", "db"]:
                uid = body["dashboard"]["uid"]
                if uid in self.boards and not body["overwrite"]:
                    return 412, {"message": "exists", "status": "name-exists"}
                assert body["folderUid"] in self.folders
                self.boards[uid] = body["dashboard"]
                return 200, {"uid": uid, "url": f"/d/{uid}/x", "status": "success", "version": 1}
            case "GET", ["annotations"]:
                asked = parse_qs(parts.query)
                return 200, [
                    one
                    for one in self.annotations
                    if set(asked["tags"]) <= set(one["tags"])
                    and one["timeEnd"] >= int(asked["from"][0])
                    and one["time"] <= int(asked["to"][0])
                ]
            case "POST", ["annotations"]:
                self.annotations.append(body)
                return 200, {"message": "Annotation added", "id": len(self.annotations)}
        return 404, {"message": "Not found"}


@contextmanager
def serving() -> Iterator[Server]:
    kept = Server()

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            known = self.headers.get("authorization") == f"Bearer {TOKEN}"
            answer = kept.answer(self.command, self.path, body)
            status, said = answer if known else (401, {"message": "Unauthorized"})
            text = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = _do  # noqa: N815 # of http.server

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as found:
        yield found


def said(at: int, what: What, occurrence: int = 1, rule: str = "inc1-hot") -> Recorded:
    transition = Transition(
        at=NOON + at,
        what=what,
        rule=rule,
        channel="inc1.temperature",
        occurrence=occurrence,
        severity="high",
    )
    return Recorded(number=1, seq=1, transition=transition)


def test_every_dashboard_is_pushed_and_pushed_again(server: Server) -> None:
    boards = dashboards()
    grafana = Grafana(server.url, TOKEN)
    assert len(grafana.push(boards)) == 6
    assert grafana.push(boards)[0].startswith("/d/culturewatch-")
    assert server.boards == boards
    assert set(server.folders) == {FOLDER}


def test_an_excursion_is_drawn_once(server: Server) -> None:
    grafana = Grafana(server.url, TOKEN)
    found = regions([said(0, What.SET), said(HOUR, What.CLEAR)])
    assert (grafana.annotate(found), grafana.annotate(found)) == (1, 0)
    (drawn,) = server.annotations
    assert (drawn["time"], drawn["timeEnd"]) == (NOON, NOON + HOUR)
    assert drawn["tags"] == ["culturewatch", "alarm:inc1-hot#1", "high"]
    assert drawn["text"] == "inc1.temperature: inc1-hot"


def test_what_goes_on_what_was_void_and_drills_are_not_drawn() -> None:
    assert regions(
        [
            said(0, What.SET),
            *(said(0, What.SET, 2), said(1, What.VOID, 2)),
            *(said(0, What.SET, 1, "drill:d1"), said(1, What.CLEAR, 1, "drill:d1")),
            *(said(2, What.SET, 3), said(5, What.CLEAR, 3)),
        ]
    ) == (
        Region(
            start=NOON + 2,
            end=NOON + 5,
            text="inc1.temperature: inc1-hot",
            tags=("culturewatch", "alarm:inc1-hot#3", "high"),
        ),
    )


@pytest.mark.parametrize("status", [400, 403, 412, 500])
def test_what_grafana_refuses_is_said_with_its_reason(server: Server, status: int) -> None:
    server.refuses = status
    with pytest.raises(GrafanaError, match=r"folder culturewatch was not taken: .*refused"):
        Grafana(server.url, TOKEN).push(dashboards())


def test_what_is_no_grafana_is_said(server: Server) -> None:
    server.refuses = 200
    with pytest.raises(GrafanaError, match="answered as no Grafana does"):
        Grafana(server.url, TOKEN).push(dashboards())
    with pytest.raises(GrafanaError, match="answered as no Grafana does"):
        Grafana(server.url, TOKEN).annotate(regions([said(0, What.SET), said(1, What.CLEAR)]))


def test_nobody_at_the_address_is_said() -> None:
    with pytest.raises(GrafanaError, match="was not taken"):
        Grafana("http://127.0.0.1:1", TOKEN).push(dashboards())


def test_a_wrong_token_is_said_without_it(server: Server) -> None:
    with pytest.raises(GrafanaError, match="Unauthorized") as caught:
        Grafana(server.url, "wrong-token").push(dashboards())
    assert "wrong-token" not in str(caught.value)


def test_the_commands(server: Server, tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text(EXAMPLE.read_text(encoding="utf-8"), encoding="utf-8")
    more = ["--url", server.url, "--site", str(site)]

    def typed(word: str, token: str = TOKEN) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["grafana", word, *more], env={"GRAFANA_TOKEN": token})
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done.exit_code, done.output

    code, told = typed("push")
    assert (code, told.count("/d/culturewatch-")) == (0, 6)
    code, told = typed("annotate")
    assert (code, "there is no alarm store yet" in told) == (1, True)
    assert typed("push", token="") == (
        2,
        "culturewatch: the environment variable GRAFANA_TOKEN is not set; set it\n",
    )
