"""Secrets are named in files, not written there, and never printed."""

import os
from pathlib import Path

import msgspec


class SecretError(Exception):
    """A secret cannot be had; the text says where it was looked for."""


class Secret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a secret is: the name of an environment variable, or of a file."""

    env: str | None = None
    file: str | None = None

    def __post_init__(self) -> None:
        if (self.env is None) == (self.file is None):
            raise ValueError("a secret is given as { env = NAME } or { file = PATH }")

    def reveal(self, base: Path) -> str:
        """The secret itself; files are relative to ``base``.

        Raises:
            SecretError: the variable is not set, or the file cannot be read or is empty.
        """
        if self.env is not None:
            found = os.environ.get(self.env, "")
            if not found:
                raise SecretError(f"the environment variable {self.env} is not set; set it")
            return found
        path = base / str(self.file)
        try:
            found = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SecretError(f"{path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError:
            # Not the error's own words: they carry bytes of the secret.
            raise SecretError(f"{path}: is not UTF-8 text") from None
        if not found:
            raise SecretError(f"{path}: is empty; put the secret there")
        return found
