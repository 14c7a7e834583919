"""A Mosquitto that does not let everybody in."""

import subprocess
from pathlib import Path

from tests.services import LOOPBACK, Broker, free_port


class GuardedMosquitto(Broker):
    """A Mosquitto 2 with three doors to one house.

    ``port`` takes anybody, for publishers; ``user_port`` speaks TLS and wants a name and password,
    and lets ``reader`` read ``lab/`` only; ``certificate_port`` wants a certificate of ``ca``.
    """

    def __init__(self, mosquitto: Path, folder: Path, certificates: Path, password: str) -> None:
        self.host = LOOPBACK
        self.port, self.user_port, self.certificate_port = (free_port() for _ in range(3))
        passwords, access = folder / "passwords", folder / "access"
        hasher = mosquitto.parent.parent / "bin" / "mosquitto_passwd"
        passwords.touch(mode=0o600)
        subprocess.run(  # noqa: S603 # put together here
            [hasher, "-b", passwords, "reader", password], check=True, capture_output=True
        )
        access.write_text("user reader\ntopic read lab/#\n")
        access.chmod(0o600)
        tls = [
            f"cafile {certificates}/ca.pem",
            f"certfile {certificates}/broker.pem",
            f"keyfile {certificates}/broker.key",
        ]
        lines = [
            "per_listener_settings true",
            f"listener {self.port} {self.host}",
            "allow_anonymous true",
            f"listener {self.user_port} {self.host}",
            "allow_anonymous false",
            f"password_file {passwords}",
            f"acl_file {access}",
            *tls,
            f"listener {self.certificate_port} {self.host}",
            "require_certificate true",
            "use_identity_as_username true",
            *tls,
        ]
        super().__init__(mosquitto, folder, lines)
