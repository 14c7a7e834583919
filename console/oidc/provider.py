"""Talks with the provider and verifies what it says: the one door to Authlib, joserfc and httpx.

OpenID Connect Core 1.0, 3.1 (authorisation code), with PKCE (RFC 7636) and the checks of RFC 9700.
"""

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import httpx
import msgspec
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from console.oidc.flow import Flow
from console.oidc.sign_on import SignOn, is_safe
from console.oidc.why import OidcError, Why

PATIENCE_S = 10.0
LARGEST = 256 * 1024
LEEWAY_S = 30
KEYS_AGAIN_S = 60.0
"""Keys that do not fit are asked for again, but not more often than that."""
KEYS_LAST_S = 600.0
"""For so long a key that the provider has withdrawn is still believed."""
KNOWN_LAST_S = 3_600.0
"""For so long what a provider says of itself is believed."""
SCOPE = "openid profile email"
ALGORITHMS = (*("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"),)
"""Signatures by a key of the provider's own: none, and those by a shared secret, are no proof."""

T = TypeVar("T")
_NOT_THIS_CODE = frozenset({400, 401})
_DISCOVERY = "/.well-known/openid-configuration"


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What we need of a provider's description (OpenID Connect Discovery 1.0, 3)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    end_session_endpoint: str = ""


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    id_token: str
    access_token: str = ""


class Provider:
    """One provider. What it says of itself is asked for again when it is old, or did not hold."""

    def __init__(self, sign_on: SignOn, *, now_s: Callable[[], float] = time.time) -> None:
        self._sign_on = sign_on
        self._now_s = now_s
        self._known: Metadata | None = None
        self._known_s = 0.0
        self._keys: KeySet | None = None
        self._keys_s = 0.0

    async def look(self) -> None:
        """See that the provider can be used: what it says of itself, and its keys.

        Raises:
            OidcError: it cannot; the text says why.
        """
        async with self._http() as http:
            known = await self._metadata(http)
            try:
                await self._key_set(http, known, no_older_s=KEYS_AGAIN_S)
            except (JoseError, ValueError, TypeError, KeyError) as error:
                raise OidcError(Why.AWAY, f"{known.jwks_uri}: no keys: {error!r}") from error

    async def way_there(self, flow: Flow) -> str:
        """Where to send a browser, to prove who sits at it.

        Raises:
            OidcError: the provider cannot be reached or used.
        """
        async with self._http() as http:
            known = await self._metadata(http)
        client = OAuth2Client(
            None,
            client_id=self._sign_on.client_id,
            redirect_uri=self._sign_on.redirect_uri,
            scope=SCOPE,
            code_challenge_method="S256",
        )
        url, _ = client.create_authorization_url(
            known.authorization_endpoint,
            state=flow.state,
            nonce=flow.nonce,
            code_verifier=flow.verifier,
        )
        return str(url)

    async def way_out(self) -> str:
        """Where to send a browser to log out there too; empty where the provider has no such page.

        Raises:
            OidcError: the provider cannot be reached or used.
        """
        async with self._http() as http:
            known = await self._metadata(http)
        if not is_safe(known.end_session_endpoint):
            return ""
        back = {
            "client_id": self._sign_on.client_id,
            "post_logout_redirect_uri": f"{self._sign_on.public_url}/login",
        }
        mark = "&" if "?" in known.end_session_endpoint else "?"
        return f"{known.end_session_endpoint}{mark}{urlencode(back)}"

    async def claims(self, code: str, flow: Flow) -> Mapping[str, object]:
        """What the provider says of who came back with ``code``, verified.

        Raises:
            OidcError: the code is not good, or the token is not what it must be.
        """
        async with self._http() as http:
            known = await self._metadata(http)
            try:
                answer = await self._exchange(http, known, code, flow)
                return await self._verified(http, known, answer, flow)
            except OidcError as error:
                if error.why is Why.AWAY:
                    # It may have moved: who comes next asks where to.
                    self._known = None
                raise

    async def _metadata(self, http: httpx.AsyncClient) -> Metadata:
        # As with keys: how old it is cannot be known where the clock was set back.
        if self._known is None or not 0 <= self._now_s() - self._known_s < KNOWN_LAST_S:
            url = self._sign_on.issuer.rstrip("/") + _DISCOVERY
            found = _decoded(await _body(http, "GET", url), Metadata, url)
            if found.issuer != self._sign_on.issuer:
                # Else one provider could speak for another (Discovery 1.0, 4.3).
                raise OidcError(Why.AWAY, f"{url}: is of the issuer {found.issuer!a}; set that")
            for place in (found.authorization_endpoint, found.token_endpoint, found.jwks_uri):
                if not is_safe(place):
                    raise OidcError(Why.AWAY, f"{url}: names {place!a}, which is not https")
            self._known, self._known_s = found, self._now_s()
        return self._known

    async def _exchange(
        self, http: httpx.AsyncClient, known: Metadata, code: str, flow: Flow
    ) -> _Answer:
        # RFC 6749, 2.3.1: both are form-encoded before they are put together.
        login = (quote(self._sign_on.client_id, safe=""), quote(self._sign_on.secret(), safe=""))
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._sign_on.redirect_uri,
            "code_verifier": flow.verifier,
        }
        body = await _body(http, "POST", known.token_endpoint, data=fields, auth=login)
        return _decoded(body, _Answer, known.token_endpoint)

    async def _verified(
        self, http: httpx.AsyncClient, known: Metadata, answer: _Answer, flow: Flow
    ) -> Mapping[str, object]:
        try:
            token = await self._decoded_token(http, known, answer.id_token)
            client = self._sign_on.client_id
            claims = CodeIDToken(
                token.claims,
                token.header,
                {
                    "iss": {"essential": True, "value": known.issuer},
                    "aud": {"essential": True, "value": client},
                    "nonce": {"essential": True, "value": flow.nonce},
                },
                {
                    "nonce": flow.nonce,
                    "client_id": client,
                    "access_token": answer.access_token,
                },
            )
            claims.validate(now=int(self._now_s()), leeway=LEEWAY_S)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise OidcError(Why.TOKEN, f"{known.issuer}: id token: {error!r}") from error
        return dict(claims)

    async def _decoded_token(
        self, http: httpx.AsyncClient, known: Metadata, text: str
    ) -> jwt.Token:
        registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        keys = await self._key_set(http, known, no_older_s=KEYS_LAST_S)
        try:
            return jwt.decode(text, keys, registry=registry)
        except (InvalidKeyIdError, BadSignatureError):
            # The provider may have new keys, some under the name of an old one or without any.
            keys = await self._key_set(http, known, no_older_s=KEYS_AGAIN_S)
            return jwt.decode(text, keys, registry=registry)

    async def _key_set(
        self, http: httpx.AsyncClient, known: Metadata, *, no_older_s: float
    ) -> KeySet:
        # Older than none: the clock was set back, and how old they are cannot be known.
        fresh = 0 <= self._now_s() - self._keys_s < no_older_s
        if self._keys is None or not fresh:
            found = _decoded(
                await _body(http, "GET", known.jwks_uri), dict[str, Any], known.jwks_uri
            )
            self._keys = KeySet.import_key_set(found)  # type: ignore[arg-type] # it judges the shape
            self._keys_s = self._now_s()
        return self._keys

    def _http(self) -> httpx.AsyncClient:
        trust = ssl.create_default_context(cafile=self._sign_on.ca)
        return httpx.AsyncClient(verify=trust, timeout=PATIENCE_S, follow_redirects=False)


async def _body(http: httpx.AsyncClient, method: str, url: str, **more: Any) -> bytes:  # noqa: ANN401 # httpx's own
    """What ``url`` answers; it may take so long, and be so large."""
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE_S), http.stream(method, url, **more) as answer:
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > LARGEST:
                    raise OidcError(Why.AWAY, f"{url}: answers more than {LARGEST} bytes")
            if answer.status_code in _NOT_THIS_CODE:
                raise OidcError(Why.DECLINED, f"{url}: {answer.status_code} {_error_of(body)}")
            if not answer.is_success:
                raise OidcError(Why.AWAY, f"{url}: {answer.status_code}")
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        raise OidcError(Why.AWAY, f"{url}: {str(error) or type(error).__name__}") from error
    return bytes(body)


def _decoded(body: bytes, kind: type[T], url: str) -> T:
    try:
        return msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise OidcError(Why.AWAY, f"{url}: not what a provider answers there: {error}") from error


def _error_of(body: bytearray) -> str:
    """The error code of RFC 6749, 5.2, and nothing else: the rest may hold what is secret."""
    try:
        found = msgspec.json.decode(bytes(body), type=_Refusal).error
    except msgspec.MsgspecError:
        return ""
    return ascii(found[:40])


class _Refusal(msgspec.Struct):
    error: str = ""
