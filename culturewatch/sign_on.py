"""What a site's file says of its provider of identities, as the console and the doctor need it."""

from console.oidc.sign_on import SignOn
from culturewatch.site import Site


def sign_on(site: Site) -> SignOn | None:
    """The provider of identities that people may log in by, if any."""
    oidc = site.file.console.oidc
    if oidc is None:
        return None
    revealed = site.reveal(oidc.secret)
    return SignOn(
        issuer=oidc.issuer,
        client_id=oidc.client_id,
        secret=lambda: revealed,
        public_url=site.public_url,
        claim=oidc.claim,
        people=oidc.people,
        name=oidc.name,
        ca=site.base / oidc.ca if oidc.ca else None,
    )
