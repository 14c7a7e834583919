"""Who a patient of the ledger is: tokens sealed with a key of each patient's own, and forgotten.

The ledger holds a handle and a sealed text that says nothing without the key. The keys stand in
a folder outside the chain, one small file a patient; destroying the file is what erases.
"""

import base64
import hashlib
import hmac
import os
import re
import secrets
from binascii import Error as Base64Error
from pathlib import Path

from batches.ciphers import WrongKeyError, disclosed, enclosed
from batches.vial import ALPHABET

_LENGTH = 12
_KEY_BYTES = 32
_NONCE_BYTES = 12
"""NIST SP 800-38D recommends 96 bits."""
_SITE_KEY = "site.key"
_FILE = re.compile(rf"(PH-[{ALPHABET}]{{{_LENGTH}}})\.([0-9a-f]{{64}})")


class IdentityError(Exception):
    """The keys of patients cannot be used; the text says where, why and what to do."""


class Identities:
    """The keys in one folder, for any number of processes that hold the ledger meanwhile."""

    def __init__(self, folder: Path | None) -> None:
        """Touch nothing yet; without a folder nobody is known, and nobody can be enrolled."""
        self._where = folder

    @property
    def _folder(self) -> Path:
        if self._where is None:
            raise IdentityError("say where the keys of patients are kept; nothing was entered")
        return self._where

    def handle(self, token: str) -> str | None:
        """The handle under which ``token`` is kept; None when no key of it is here.

        Raises:
            IdentityError: the folder cannot be read.
        """
        key = None if self._where is None else self._site_key()
        return None if key is None else self._by_tag().get(_tag(key, token))

    def enrol(self, token: str) -> tuple[str, str]:
        """A handle for ``token`` and its sealed text; the key is on disk when this returns.

        What an enrolment that broke off left behind is used again.

        Raises:
            IdentityError: the key cannot be kept.
        """
        return self.enrol_all([token])[token]

    def enrol_all(self, tokens: list[str]) -> dict[str, tuple[str, str]]:
        """``enrol`` for many.

        Raises:
            IdentityError: the keys cannot be kept.
        """
        site = self._site_key() or self._make_site_key()
        known = self._by_tag()
        made: dict[str, tuple[str, str]] = {}
        for token in tokens:
            tag = _tag(site, token)
            handle = known.get(tag) or _new_handle()
            path = self._folder / f"{handle}.{tag}"
            key = self._read(path) if tag in known else secrets.token_bytes(_KEY_BYTES)
            if tag not in known:
                self._write(path, key)
            made[token] = handle, _seal(key, handle, token)
        self._force()
        return made

    def tokens(self, sealed: dict[str, str]) -> dict[str, str]:
        """The tokens of those handles of ``sealed`` whose keys are here.

        Raises:
            IdentityError: a key cannot be read, or is not the one that sealed.
        """
        files = self._files() if sealed and self._where is not None else {}
        found = {}
        for handle, text in sealed.items():
            if handle in files:
                found[handle] = _unseal(self._read(files[handle]), handle, text)
        return found

    def destroy(self, handle: str) -> bool:
        """Overwrite and remove the key of ``handle``; whether there was one.

        Raises:
            IdentityError: it is still there.
        """
        path = self._files().get(handle)
        if path is None:
            return False
        try:
            with path.open("r+b", buffering=0) as file:
                file.write(bytes(max(_KEY_BYTES, path.stat().st_size)))
                os.fsync(file.fileno())
            path.unlink()
        except OSError as error:
            raise IdentityError(
                f"{path}: cannot be destroyed: {error.strerror}; it still names the patient: see "
                "that this user may write there, and erase again"
            ) from error
        self._force()
        return True

    def _by_tag(self) -> dict[str, str]:
        return {path.name.partition(".")[2]: handle for handle, path in self._files().items()}

    def _files(self) -> dict[str, Path]:
        try:
            names = [path.name for path in self._folder.iterdir()]
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unusable(error) from error
        found = (_FILE.fullmatch(name) for name in names)
        return {match[1]: self._folder / match[0] for match in found if match}

    def _site_key(self) -> bytes | None:
        path = self._folder / _SITE_KEY
        return self._read(path) if path.exists() else None

    def _make_site_key(self) -> bytes:
        key = secrets.token_bytes(_KEY_BYTES)
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._write(self._folder / _SITE_KEY, key)
        except FileExistsError:
            return self._read(self._folder / _SITE_KEY)
        except OSError as error:
            raise self._unusable(error) from error
        return key

    def _read(self, path: Path) -> bytes:
        try:
            key = path.read_bytes()
        except OSError as error:
            raise self._unusable(error) from error
        if len(key) != _KEY_BYTES or not any(key):
            raise IdentityError(
                f"{path}: holds no key of {_KEY_BYTES} bytes; put it back from a backup, unless "
                "it is being erased: then erase again"
            )
        return key

    def _write(self, path: Path, key: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        try:
            file = os.open(path, flags, 0o600)
        except FileExistsError:
            raise
        except OSError as error:
            raise self._unusable(error) from error
        try:
            os.write(file, key)
            os.fsync(file)
        except OSError as error:
            path.unlink()
            raise self._unusable(error) from error
        finally:
            os.close(file)

    def _force(self) -> None:
        try:
            folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> IdentityError:
        return IdentityError(
            f"{self._folder}: the keys of patients cannot be used: {error.strerror}; give this "
            "user the folder, on a disk with room"
        )


def _new_handle() -> str:
    return "PH-" + "".join(map(secrets.choice, [ALPHABET] * _LENGTH))


def _tag(site_key: bytes, token: str) -> str:
    return hmac.new(site_key, token.encode(), hashlib.sha256).hexdigest()


def _seal(key: bytes, handle: str, token: str) -> str:
    nonce = secrets.token_bytes(_NONCE_BYTES)
    # Bound to the handle: put into another patient's row, it opens no more.
    sealed = nonce + enclosed(key, nonce, token.encode(), handle.encode())
    return base64.b64encode(sealed).decode()


def _unseal(key: bytes, handle: str, text: str) -> str:
    try:
        sealed = base64.b64decode(text, validate=True)
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        return disclosed(key, nonce, rest, handle.encode()).decode()
    except (WrongKeyError, Base64Error, ValueError) as error:
        raise IdentityError(
            f"{handle}: the key that is here did not seal what the ledger holds; put the key of "
            "this ledger's backup in its place"
        ) from error
