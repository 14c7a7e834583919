"""What can be wrong with ``[console]``: who could listen in, and files that are not there.

What is wrong inside a certificate keeps nothing from being watched: ``check`` and ``doctor`` say
it, and the console, which cannot serve by it, is started again until it can.
"""

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

from console.certificate import CertificateError, TlsFiles, context
from culturewatch.site_file import Console, SiteFile
from culturewatch.site_mistakes import of

_IN_THE_CLEAR = (
    "is reached by others, and passwords would be read on the way; give [console.tls] a "
    'certificate and its key, or set host = "127.0.0.1", or behind_proxy = true where a proxy '
    "with TLS stands before it"
)


def console_mistakes(path: Path, file: SiteFile) -> Iterator[str]:
    """Mistakes in ``[console]``, each a line that says where and what to do."""
    console = file.console
    for key, what in _tls_mistakes(path.parent, console):
        yield f"{of(path, f'console.{key}')}: {what}"


def _tls_mistakes(base: Path, console: Console) -> Iterator[tuple[str, str]]:
    tls = console.tls
    if tls is None:
        if not is_loopback(console.host) and not console.behind_proxy:
            yield "host", f"{console.host} {_IN_THE_CLEAR}"
        return
    for name, file in (("certificate", tls.certificate), ("key", tls.key)):
        if not (base / file).is_file():
            yield f"tls.{name}", f"{file}: there is no such file; put it there"
    if console.public_url.startswith("http:"):
        yield "public_url", "the console speaks TLS; write https://name"


def is_loopback(host: str) -> bool:
    """Whether what listens at ``host`` is reached from this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def certificate_mistake(files: TlsFiles | None) -> str:
    """Why the console could not serve by its certificate; empty where it can."""
    if files is None:
        return ""
    try:
        context(files)
    except CertificateError as error:
        return str(error)
    return ""
