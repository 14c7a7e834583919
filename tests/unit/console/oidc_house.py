"""A provider of identities on loopback: it does what OpenID Connect Core 1.0 says, or lies.

Tokens are put together by hand, after RFC 7515, 7517 and 7518.
"""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import padding, rsa

CLIENT, SECRET = "console", "of the house: 100%"


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@cache
def key(name: str) -> rsa.RSAPrivateKey:  # noqa: ARG001 # each name has its own
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(name: str) -> dict[str, str]:
    numbers = key(name).public_key().public_numbers()
    modulus = numbers.n.to_bytes(256, "big")
    return {"kty": "RSA", "use": "sig", "kid": name, "n": b64(modulus), "e": "AQAB"}


def signed(claims: dict[str, Any], *, by: str, kid: str, alg: str = "RS256") -> str:
    header = {"alg": alg, "kid": kid, "typ": "JWT"}
    text = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    if alg == "none":
        return f"{text}."
    if alg == "HS256":
        # By what everybody may know: the public key itself, taken for a shared secret.
        shared = hmac.HMAC(json.dumps(jwk(by)).encode(), hashes.SHA256())
        shared.update(text.encode())
        return f"{text}.{b64(shared.finalize())}"
    signature = key(by).sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{text}.{b64(signature)}"


class House:
    """The provider: ``user`` is who is logged in there, ``claims`` what it says beside the rest."""

    def __init__(self) -> None:
        self.issuer = ""
        self.user = "u-anna"
        self.claims: dict[str, Any] = {}
        self.header: dict[str, str] = {}
        self.says: dict[str, Any] = {}
        self.keys = ["first"]
        self.signs_with = "first"
        self.kid = ""
        self.listed_as: dict[str, str] = {}
        self.alg = "RS256"
        self.codes: dict[str, dict[str, str]] = {}
        self.asked: list[str] = []
        self.broken = ""

    def discovery(self) -> dict[str, Any]:
        names = {"authorization_endpoint": "authorize", "token_endpoint": "token"}
        names |= {"jwks_uri": "jwks", "end_session_endpoint": "goodbye"}
        places = {name: f"{self.issuer}/{path}" for name, path in names.items()}
        return {"issuer": self.issuer, **places, "response_types_supported": ["code"]} | self.says

    def authorize(self, url: str) -> str:
        """Where a browser is sent back to that came to ``url`` and is known here."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(8)
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}"

    def token(self, login: str, fields: dict[str, str]) -> tuple[int, dict[str, Any]]:
        """The answer to a code: RFC 6749, 4.1.3 and 5.2, RFC 7636, 4.6."""
        kind, _, given = login.partition(" ")
        client, _, secret = base64.b64decode(given).decode().partition(":")
        if kind != "Basic" or (unquote(client), unquote(secret)) != (CLIENT, SECRET):
            return 401, {"error": "invalid_client"}
        asked = self.codes.pop(fields["code"], None)
        challenge = b64(hashlib.sha256(fields["code_verifier"].encode()).digest())
        if (
            asked is None
            or challenge != asked["code_challenge"]
            or fields["redirect_uri"] != asked["redirect_uri"]
        ):
            return 400, {"error": "invalid_grant", "error_description": "hush"}
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "sub": self.user,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
        } | self.claims
        claims = {name: value for name, value in claims.items() if value is not None}
        kid = self.kid or self.signs_with
        token = signed(claims, by=self.signs_with, kid=kid, alg=self.alg)
        return 200, {"access_token": "a", "token_type": "Bearer", "id_token": token}

    def _called(self, name: str) -> dict[str, str]:
        return {"kid": self.listed_as.get(name, name)}

    def answer(self, method: str, path: str, login: str, body: str) -> tuple[int, dict[str, Any]]:
        self.asked.append(path)
        if path == f"/{self.broken}":
            return 500, {}
        if path == "/.well-known/openid-configuration":
            return 200, self.discovery()
        if path == "/jwks":
            return 200, {"keys": [jwk(name) | self._called(name) for name in self.keys]}
        if (method, path) == ("POST", "/token"):
            return self.token(login, {name: v[0] for name, v in parse_qs(body).items()})
        return 404, {}


@contextmanager
def standing() -> Iterator[House]:
    """A provider that answers at a port of its own."""
    house = House()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name http.server looks for
            if self.path.startswith("/authorize?"):
                # Whoever comes is known here already: sent back at once.
                self.send_response(303)
                self.send_header("Location", house.authorize(self.path))
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                self._say("GET")

        def do_POST(self) -> None:  # the name http.server looks for
            self._say("POST")

        def _say(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            login = self.headers.get("Authorization", "")
            status, said = house.answer(method, self.path, login, body)
            text = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # its own name
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    house.issuer = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield house
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
