"""The console's certificate: which files are refused, and real TLS by those that are good."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from console import certificate
from console.certificate import CertificateError, TlsFiles, context, expires, renew, renewal_wait_s
from tests.integration.certificates import Authority

DAY_MS = 86_400_000


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def issued(authority: Authority, name: str, *, days: int = 60, password: bytes = b"") -> TlsFiles:
    found, key = authority.issue(name, host="127.0.0.1", days=days, password=password)
    key.chmod(0o600)
    return TlsFiles(certificate=found, key=key)


@asynccontextmanager
async def serving(tls: ssl.SSLContext) -> AsyncIterator[int]:
    """The port of a server that greets whoever gets through the handshake."""

    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]


def shaken(port: int, authority: Authority, most: ssl.TLSVersion) -> tuple[str | None, str]:
    """Protocol and common name, as a client sees them that trusts ``authority``."""
    client = ssl.create_default_context(cafile=authority.path)
    # The library's floor is lowered: what refuses is the server.
    client.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    client.maximum_version = most
    client.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as wire,
        client.wrap_socket(wire, server_hostname="127.0.0.1") as talk,
    ):
        subject = (talk.getpeercert() or {})["subject"]
        return talk.version(), str(subject)


async def test_it_speaks_tls_1_2_and_newer(authority: Authority) -> None:
    async with serving(context(issued(authority, "lab"))) as port:
        for most, version in (
            (ssl.TLSVersion.TLSv1_3, "TLSv1.3"),
            (ssl.TLSVersion.TLSv1_2, "TLSv1.2"),
        ):
            assert (await asyncio.to_thread(shaken, port, authority, most))[0] == version


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
async def test_it_refuses_older_ones(authority: Authority) -> None:
    async with serving(context(issued(authority, "lab"))) as port:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            await asyncio.to_thread(shaken, port, authority, ssl.TLSVersion.TLSv1_1)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o602])
def test_a_key_that_others_may_read_or_change_is_refused(authority: Authority, mode: int) -> None:
    files = issued(authority, "lab")
    files.key.chmod(mode)
    with pytest.raises(CertificateError, match=r"others may read or change this key; run: chmod"):
        context(files)


def test_a_key_that_its_group_reads_will_do(authority: Authority) -> None:
    files = issued(authority, "lab")
    files.key.chmod(0o640)
    context(files)


def test_a_key_with_a_password_is_refused_and_nobody_is_asked_for_it(authority: Authority) -> None:
    files = issued(authority, "lab", password=b"hush")
    with pytest.raises(CertificateError, match="without a password"):
        context(files)


def test_a_key_of_another_certificate_is_refused(authority: Authority) -> None:
    files = TlsFiles(
        certificate=issued(authority, "lab").certificate, key=issued(authority, "other").key
    )
    with pytest.raises(CertificateError, match=r"KEY_VALUES_MISMATCH.*give the key that was made"):
        context(files)


def test_what_is_no_certificate_is_named(authority: Authority, tmp_path: Path) -> None:
    files = issued(authority, "lab")
    files.certificate.write_text("-----BEGIN NOTHING-----\n", encoding="utf-8")
    with pytest.raises(CertificateError, match=r"lab\.pem: is no certificate in PEM"):
        context(files)
    gone = TlsFiles(certificate=tmp_path / "gone.pem", key=files.key)
    with pytest.raises(CertificateError, match=r"gone\.pem: cannot be read: No such file"):
        context(gone)


def test_of_a_chain_that_is_half_written_the_key_is_not_blamed(authority: Authority) -> None:
    files, other = issued(authority, "lab"), issued(authority, "other")
    half = other.certificate.read_bytes()[:300]
    files.certificate.write_bytes(files.certificate.read_bytes() + half)
    with pytest.raises(CertificateError, match=r"lab\.pem: its certificate number 2 is not whole"):
        context(files)


def test_of_a_chain_what_ends_first_counts(authority: Authority) -> None:
    long, short = issued(authority, "long", days=90), issued(authority, "short", days=20)
    ends = expires(short.certificate)
    both = long.certificate.read_bytes() + short.certificate.read_bytes()
    long.certificate.write_bytes(both)
    assert expires(long.certificate) == ends


def test_a_renewal_is_due_from_30_days_before_the_end(authority: Authority) -> None:
    files = issued(authority, "lab")
    due = expires(files.certificate) - 30 * DAY_MS
    assert renewal_wait_s(files, due - 1) == 0
    assert renewal_wait_s(files, due + 5_000) == 5
    assert renewal_wait_s(None, due) == 0
    files.certificate.unlink()
    assert renewal_wait_s(files, due) is None


async def test_what_is_renewed_is_shown_and_what_does_not_fit_is_not(
    authority: Authority, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(certificate, "LOOK_S", 0.01)
    files, other = issued(authority, "before"), issued(authority, "after")
    live = context(files)

    async def shows(name: str) -> bool:
        seen = await asyncio.to_thread(shaken, port, authority, ssl.TLSVersion.TLSv1_3)
        return f"'{name}'" in seen[1]

    async with serving(live) as port, asyncio.TaskGroup() as tasks:
        following = tasks.create_task(renew(live, files), name="renew")
        async with asyncio.timeout(10):
            other.certificate.replace(files.certificate)
            while "the certificate of before is shown" not in caplog.text:  # noqa: ASYNC110 # bounded
                await asyncio.sleep(0.01)
            assert await shows("before")
            other.key.replace(files.key)
            while not await shows("after"):  # noqa: ASYNC110 # bounded
                await asyncio.sleep(0.01)
        following.cancel()


async def test_files_that_change_while_they_are_looked_at_take_nothing_from_who_connects(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(certificate, "LOOK_S", 0.01)
    files, other = issued(authority, "before"), issued(authority, "after")
    changed = asyncio.Event()
    loop = asyncio.get_running_loop()
    tried = certificate.context

    def trying(these: TlsFiles) -> ssl.SSLContext:
        found = tried(these)
        # The certificate is renewed just now, its key in a moment.
        if other.certificate.exists():
            other.certificate.replace(files.certificate)
            loop.call_soon_threadsafe(changed.set)
        return found

    live = context(files)
    monkeypatch.setattr(certificate, "context", trying)
    async with serving(live) as port, asyncio.TaskGroup() as tasks:
        following = tasks.create_task(renew(live, files), name="renew")
        async with asyncio.timeout(10):
            await changed.wait()
            for _ in range(5):
                await asyncio.sleep(0.02)
                seen = await asyncio.to_thread(shaken, port, authority, ssl.TLSVersion.TLSv1_3)
                assert "'before'" in seen[1]
        following.cancel()
