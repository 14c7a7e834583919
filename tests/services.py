"""Real services on loopback ports, started for the tests and stopped with them."""

import os
import re
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import NoReturn, Protocol

import pytest
from influxdb_client.client.influxdb_client import InfluxDBClient
from influxdb_client.domain.onboarding_request import OnboardingRequest
from influxdb_client.service.setup_service import SetupService

READY_S = 60.0
STOP_S = 20.0
LOOPBACK = "127.0.0.1"
GO_MODULE = Path(__file__).parent.parent / "tools" / "influxdb" / "go.mod"


def missing(service: str, remedy: str) -> NoReturn:
    """Skips the test loudly, or fails it where services are required (``.ci/run``)."""
    reason = f"{service} is not here: {remedy}"
    if os.environ.get("CULTUREWATCH_REQUIRE_SERVICES") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        port: int = taken.getsockname()[1]
        return port


class Service:
    """A server process in ``folder``; ``log`` holds what it printed."""

    def __init__(self, command: Sequence[str | Path], folder: Path) -> None:
        self.log = folder / "log"
        self._folder = folder
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts the process and waits until it serves; what it stored before is there again.

        Raises:
            RuntimeError: it ended or did not serve in time; the text ends with its log.
        """
        with self.log.open("ab") as log:
            # The command is put together here, from paths that the fixtures found.
            self._process = subprocess.Popen(  # noqa: S603
                self._command, cwd=self._folder, env=self.environment(), stdout=log, stderr=log
            )
        wait_until(self._serves_or_ended, within_s=READY_S)
        if self._process.poll() is not None or not self.is_serving():
            self.kill()
            said = self.log.read_text(errors="replace")[-2_000:]
            raise RuntimeError(f"{self._command[0]} does not serve:\n{said}")

    def stop(self) -> None:
        """Ends the process as a service manager would."""
        if self._process:
            self._process.terminate()
            try:
                self._process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(STOP_S)
        self._process = None

    def kill(self) -> None:
        """Ends the process as a power cut would."""
        if self._process:
            self._process.kill()
            self._process.wait(STOP_S)
        self._process = None

    def environment(self) -> Mapping[str, str]:
        """What the process sees; a HOME of its own keeps it off a person's files."""
        return {"PATH": os.environ.get("PATH", ""), "HOME": str(self._folder)}

    def is_serving(self) -> bool:
        """Whether requests are answered."""
        raise NotImplementedError

    def _serves_or_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None or self.is_serving()


class Influx:
    """Access to an InfluxDB 2.7 that may be anybody's."""

    def __init__(self, *, url: str, org: str, token: str) -> None:
        self.url = url
        self.org = org
        self.token = token
        self._buckets: list[str] = []

    def client(self) -> InfluxDBClient:
        """The vendor's own client: it sets up, and it is the oracle that reads back."""
        return InfluxDBClient(url=self.url, token=self.token, org=self.org, timeout=60_000)

    def new_bucket(self, name: str = "", *, keep_s: int = 0) -> str:
        """Creates an empty bucket, which forgets what is older than ``keep_s`` unless 0."""
        name = name or self.free_name()
        rules = [{"type": "expire", "everySeconds": keep_s}] if keep_s else []
        with self.client() as client:
            client.buckets_api().create_bucket(
                bucket_name=name, org=self.org, retention_rules=rules
            )
        self._buckets.append(name)
        return name

    def free_name(self) -> str:
        """The name of a bucket that does not exist."""
        return f"culturewatch-test-{secrets.token_hex(4)}"

    def drop_buckets(self) -> None:
        """Deletes every bucket that was created here."""
        with self.client() as client:
            buckets = client.buckets_api()
            for name in self._buckets:
                buckets.delete_bucket(buckets.find_bucket_by_name(name))
        self._buckets.clear()


class InfluxServer(Influx, Service):
    """An InfluxDB of our own, which a test may stop and start."""

    def __init__(self, influxd: Path, folder: Path) -> None:
        self._port = free_port()
        Influx.__init__(
            self,
            url=f"http://{LOOPBACK}:{self._port}",
            org="culturewatch",
            token=secrets.token_urlsafe(24),
        )
        flags = {
            "bolt-path": folder / "influxd.bolt",
            "engine-path": folder / "engine",
            "sqlite-path": folder / "influxd.sqlite",
            "http-bind-address": f"{LOOPBACK}:{self._port}",
            "log-level": "error",
        }
        options = [f"--{name}={value}" for name, value in flags.items()]
        Service.__init__(self, [influxd, *options, "--reporting-disabled"], folder)

    def set_up(self) -> None:
        """Creates the organisation and the token; once in the life of the folder."""
        # The client's generated classes carry no types.
        request = OnboardingRequest(  # type: ignore[no-untyped-call]
            username="tests",
            password=secrets.token_urlsafe(12),
            org=self.org,
            bucket="first",
            token=self.token,
        )
        with InfluxDBClient(url=self.url, token="") as client:  # nobody has one before the set-up
            service = SetupService(client.api_client)  # type: ignore[no-untyped-call] # the vendor has no types
            service.post_setup(request)  # type: ignore[no-untyped-call] # the vendor has no types

    def is_serving(self) -> bool:
        """Whether it says that it is healthy."""
        connection = HTTPConnection(LOOPBACK, self._port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()


class Broker(Service):
    """A Mosquitto 2 with the lines of its configuration; ``port`` is one of those it names."""

    host: str
    port: int

    def __init__(self, mosquitto: Path, folder: Path, lines: list[str]) -> None:
        # Else root's becomes its own user, who may not write into a test's folder.
        user = ["user root"] if os.geteuid() == 0 else []
        configuration = folder / "mosquitto.conf"
        configuration.write_text("\n".join([*lines, *user, ""]))
        super().__init__([mosquitto, "-c", configuration], folder)

    def is_serving(self) -> bool:
        """Whether a connection is accepted."""
        try:
            with socket.create_connection((self.host, self.port), timeout=5):
                return True
        except OSError:
            return False


class MosquittoServer(Broker):
    """A Mosquitto 2 with a persistent store; None leaves the broker's own limits."""

    def __init__(
        self,
        mosquitto: Path,
        folder: Path,
        *,
        max_queued_messages: int | None = None,
        max_inflight: int | None = None,
    ) -> None:
        self.host = LOOPBACK
        self.port = free_port()
        limits = {
            "max_queued_messages": max_queued_messages,
            "max_inflight_messages": max_inflight,
        }
        lines = [
            f"listener {self.port} {self.host}",
            "allow_anonymous true",
            "persistence true",
            f"persistence_location {folder}/",
            "autosave_interval 1",
            *(f"{name} {value}" for name, value in limits.items() if value is not None),
        ]
        super().__init__(mosquitto, folder, lines)


class MosquittoFactory(Protocol):
    """Starts a broker with the limits that a test names."""

    def __call__(
        self, *, max_queued_messages: int | None = ..., max_inflight: int | None = ...
    ) -> MosquittoServer: ...


def wait_until(holds: Callable[[], bool], *, within_s: float) -> None:
    """Returns when ``holds()`` is true or the time is over; the caller looks which it was."""
    end = time.monotonic() + within_s
    while time.monotonic() < end and not holds():
        time.sleep(0.05)


def find_influxd() -> Path:
    """The influxd of CULTUREWATCH_INFLUXD, or the one that ``tools/influxdb/build`` made."""
    named = os.environ.get("CULTUREWATCH_INFLUXD")
    if named:
        if not os.access(named, os.X_OK):
            pytest.fail(f"CULTUREWATCH_INFLUXD={named} cannot be run")
        return Path(named)
    version = re.search(r"influxdata/influxdb/v2 v([\d.]+)", GO_MODULE.read_text())
    assert version, f"{GO_MODULE} names no InfluxDB"
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    cache = os.environ.get("CULTUREWATCH_CACHE") or Path(home) / "culturewatch"
    built = Path(cache) / f"influxdb-{version[1]}" / "influxd"
    if not built.exists():
        missing(
            "InfluxDB 2.7",
            "run tools/influxdb/build, or set CULTUREWATCH_INFLUXD to an influxd, or "
            "CULTUREWATCH_INFLUX_URL, _TOKEN and _ORG to a server that runs",
        )
    return built


def find_mosquitto() -> Path:
    """The Mosquitto of this machine."""
    found = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
    if not found:
        missing("Mosquitto 2", "install the Debian package mosquitto")
    return Path(found)
