"""What can be wrong with ``[console]``: who could listen in, and files that are not there.

What is wrong inside a certificate keeps nothing from being watched: ``check`` and ``doctor`` say
it, and the console, which cannot serve by it, is started again until it can.
"""

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

from batches.person import is_id
from console.certificate import CertificateError, TlsFiles, context
from console.oidc.sign_on import is_loopback, is_safe
from console.proxies import network
from culturewatch.site_file import Console, Oidc, SiteFile
from culturewatch.site_mistakes import of

_IN_THE_CLEAR = (
    "is reached by others, and passwords would be read on the way; give [console.tls] a "
    'certificate and its key, or set host = "127.0.0.1", or behind_proxy = true where a proxy '
    "with TLS stands before it"
)


def console_mistakes(path: Path, file: SiteFile) -> Iterator[str]:
    """Mistakes in ``[console]``, each a line that says where and what to do."""
    console = file.console
    found = [*_tls_mistakes(path.parent, console), *_proxy_mistakes(console)]
    if console.oidc is not None:
        scheme = "http" if console.tls is None else "https"
        public_url = console.public_url or f"{scheme}://{console.host}"
        found += _oidc_mistakes(path.parent, console.oidc, public_url)
    for key, what in found:
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


def _proxy_mistakes(console: Console) -> Iterator[tuple[str, str]]:
    for each in console.proxies:
        try:
            network(each)
        except ValueError:
            yield (
                "proxies",
                f"{each!r} is no address; write one as 10.0.0.5, or a network as 10.0.0.0/24",
            )


def _oidc_mistakes(base: Path, oidc: Oidc, public_url: str) -> Iterator[tuple[str, str]]:
    parts = urlsplit(oidc.issuer)
    found = (
        (
            find_spec("authlib") is None,
            "oidc",
            "needs Authlib; install culturewatch with its extra oidc",
        ),
        (
            not is_safe(oidc.issuer) or bool(parts.query or parts.fragment),
            "oidc.issuer",
            f"{oidc.issuer!r} is no issuer; write its https address",
        ),
        (
            not is_safe(public_url),
            "oidc",
            "browsers must come back by TLS; set console.public_url to https://name",
        ),
        (
            not (oidc.client_id and oidc.claim),
            "oidc",
            "client_id and claim must say something",
        ),
        (
            bool(oidc.ca) and not (base / oidc.ca).is_file(),
            "oidc.ca",
            f"{oidc.ca}: there is no such file; put it there",
        ),
    )
    yield from ((key, what) for wrong, key, what in found if wrong)
    for person, said in oidc.people.items():
        if not is_id(person):
            yield "oidc.people", f"{person!r} is no id of a person, as operator-1"
        if not said or list(oidc.people.values()).count(said) > 1:
            yield "oidc.people", f"{person}: {said!r} must say who one person is, and only one"


def certificate_mistake(files: TlsFiles | None) -> str:
    """Why the console could not serve by its certificate; empty where it can."""
    if files is None:
        return ""
    try:
        context(files)
    except CertificateError as error:
        return str(error)
    return ""
