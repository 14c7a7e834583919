"""Who logs in by another house's provider of identities (OpenID Connect), and as whom. Pure."""

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from batches.person import is_id

EMAIL = "email"
CALLBACK = "/oidc/callback"


class SignOn(msgspec.Struct, frozen=True, kw_only=True):
    """A provider, by its issuer's address, and this console as one of its clients.

    ``people`` gives for each id of a person what the provider's ``claim`` says of them; where it
    is empty the claim is the id itself. ``secret`` tells the client's. ``ca`` is the file of the
    authority that signed the provider's certificate, where the machine does not trust it.
    """

    issuer: str
    client_id: str
    secret: Callable[[], str]
    public_url: str
    claim: str
    people: Mapping[str, str] = {}
    name: str = ""
    ca: Path | None = None

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends browsers back to; it must be registered there."""
        return f"{self.public_url}{CALLBACK}"

    def person_of(self, claims: Mapping[str, object]) -> str | None:
        """The id of the person whom verified ``claims`` are about; None when they name nobody.

        An address that the provider has not verified is what anybody may have typed there
        (OpenID Connect Core 1.0, 5.7).
        """
        value = claims.get(self.claim)
        if not isinstance(value, str) or not value:
            return None
        if self.claim == EMAIL and claims.get("email_verified") is not True:
            return None
        if not self.people:
            return value if is_id(value) else None
        return next((person for person, said in self.people.items() if said == value), None)


def is_safe(url: str) -> bool:
    """Whether what is said there stays between us: TLS, or this machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return bool(host) and (
        parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    )


def is_loopback(host: str) -> bool:
    """Whether ``host`` is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
