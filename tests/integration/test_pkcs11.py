"""Pages are signed by a key on a token, which it never leaves: SoftHSM 2 through PKCS#11."""

import importlib.util
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from typer.testing import CliRunner

from batches.equipment_log import equipment_log
from batches.export import pades
from batches.export.listing import write_report
from batches.export.log_listing import log_report
from batches.export.pades import PadesError
from batches.export.stamp import box, stamp
from batches.export.token import Token, certified
from batches.ledger import Ledger
from batches.lockout import Patience
from batches.placement import Interval
from batches.record import Made
from batches.signature import Step
from culturewatch import paths
from culturewatch.cli import app
from culturewatch.make_record import Versions
from tests.integration.laboratory import lay_out
from tests.services import missing
from tests.unit.batches import conftest as day_of
from tests.unit.batches.certified import Key, certificate
from tests.unit.batches.staff import PASSWORD, QUICK, enlist

pytestmark = pytest.mark.softhsm

PIN, LABEL = "4711-0815", "culturewatch"
NOW = day_of.MONDAY + 10 * day_of.HOUR
MODULES = (
    *("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"),
    *("/usr/lib64/pkcs11/libsofthsm2.so", "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so"),
)


def module() -> Path:
    found = next((Path(each) for each in MODULES if Path(each).exists()), None)
    if found is None or shutil.which("softhsm2-util") is None:
        missing("SoftHSM 2", "apt-get install softhsm2")
    if importlib.util.find_spec("pkcs11") is None:
        missing("python-pkcs11", "install culturewatch[pkcs11]")
    return found


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with keys and certificates that a token ``culturewatch`` has as well.

    ``rsa`` and ``ec`` with certificates in files, ``whole`` with its certificate on the token.
    """
    library = module()
    folder = tmp_path_factory.mktemp("hsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n"
        "log.level = ERROR\n"
    )
    before = os.environ.get("SOFTHSM2_CONF")
    # The library reads it when it is first loaded, which is for the whole process.
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    util("--init-token", "--free", "--label", LABEL, "--so-pin", "12345678", "--pin", PIN)
    keys: dict[str, Key] = {
        "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "ec": ec.generate_private_key(ec.SECP256R1()),
        "whole": ec.generate_private_key(ec.SECP256R1()),
    }
    for number, (name, key) in enumerate(keys.items(), start=1):
        private = folder / f"{name}.key"
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        made = certificate(key, days=3650)
        (folder / f"{name}.pem").write_bytes(made.public_bytes(Encoding.PEM))
        util(
            *("--import", str(private), "--token", LABEL, "--label", name),
            *("--id", f"{number:02d}", "--pin", PIN),
        )
    _put_certificate(library, "whole", certificate(keys["whole"]).public_bytes(Encoding.DER))
    try:
        yield folder
    finally:
        if before is None:
            del os.environ["SOFTHSM2_CONF"]
        else:
            os.environ["SOFTHSM2_CONF"] = before


def util(*words: str) -> None:
    done = subprocess.run(  # noqa: S603 # of the system
        ["softhsm2-util", *words],  # noqa: S607 # where the system has it
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _put_certificate(library: Path, label: str, data: bytes) -> None:
    import pkcs11  # noqa: PLC0415 # an extra
    from pkcs11.util.x509 import decode_x509_certificate  # noqa: PLC0415

    found = pkcs11.lib(str(library)).get_token(token_label=LABEL)
    with found.open(rw=True, user_pin=PIN) as session:
        attributes = decode_x509_certificate(data)
        attributes |= {pkcs11.Attribute.TOKEN: True, pkcs11.Attribute.LABEL: label}
        session.create_object(attributes)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    base = tmp_path_factory.mktemp("pages")
    clock = day_of.Clock()
    ledger = Ledger(f"sqlite:///{base}/data/ledger.db", now=clock)
    span = Interval(day_of.MONDAY, day_of.MONDAY + day_of.HOUR)
    made = Made(by="quin", at=NOW)
    found = equipment_log("inc1", span, ledger=ledger, setting=day_of.site(), made=made)
    return (write_report(log_report(found), base / "log") / "record.pdf").read_bytes()


def said(step: Step) -> pades.Said:
    return pades.Said(
        field=step.value.title(),
        name="Quin",
        reason="I approve it.",
        location="Cell laboratory",
        picture=stamp("Quin", ["qa"], at=NOW, zone="UTC", meaning="I approve it."),
        place=box(step),
    )


def token(folder: Path, key: str, *, file: str | None = None) -> Token:
    return Token(
        module=module(),
        label=LABEL,
        key=key,
        pin=PIN,
        certificate=None if file is None else folder / file,
    )


@pytest.mark.parametrize(("key", "file"), [("rsa", "rsa.pem"), ("ec", "ec.pem"), ("whole", None)])
def test_pages_are_signed_by_a_key_of_the_token(
    hsm: Path, pages: bytes, key: str, file: str | None
) -> None:
    with certified(token(hsm, key, file=file)) as signer:
        signer.check(NOW)
        once = signer.sign(pages, said(Step.PREPARED))
        twice = signer.sign(once, said(Step.REVIEWED))
    found = list(pades.check(pages, twice))
    assert all(well for well, _ in found)
    assert sum("is intact; certificate SHA-256" in what for _, what in found) == 2


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"pin": "0000-0000"}, "the PIN is another"),
        ({"label": "nobody"}, "there is none of this label"),
        ({"key": "gone"}, "no private key 'gone' that this PIN may use"),
        ({"module": "/usr/lib/none.so"}, "none.so"),
    ],
)
def test_what_a_token_does_not_do_is_told_in_words(
    hsm: Path, change: dict[str, str], why: str
) -> None:
    wrong = msgspec.structs.replace(token(hsm, "rsa", file="rsa.pem"), **change)
    with pytest.raises(PadesError) as refused, certified(wrong):
        pytest.fail("it was opened")
    assert why in str(refused.value)
    assert PIN not in str(refused.value)


def test_a_certificate_of_another_key_and_none_at_all_sign_nothing(hsm: Path, pages: bytes) -> None:
    with (
        pytest.raises(PadesError, match="its certificate is not that of the key"),
        certified(token(hsm, "ec", file="whole.pem")) as signer,
    ):
        signer.sign(pages, said(Step.PREPARED))
    with (
        pytest.raises(PadesError, match="Could not find certificate"),
        certified(token(hsm, "rsa")) as signer,
    ):
        signer.check(NOW)
    with (
        pytest.raises(PadesError, match="is no certificate"),
        certified(token(hsm, "rsa", file="rsa.key")),
    ):
        pytest.fail("it was opened")


def test_a_person_signs_at_the_command_line_with_the_key_of_the_token(
    hsm: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("SITE_PIN", PIN)
    monkeypatch.setattr("batches.password.hasher", lambda: QUICK)
    monkeypatch.setattr("culturewatch.who.PATIENCE", Patience(pace_ms=0, tries=3))
    site = lay_out(tmp_path)
    with site.path.open("a", encoding="utf-8") as file:
        file.write(
            f'\n[signing]\ncertificate = "{hsm}/ec.pem"\ntoken = {{ module = "{module()}", '
            f'label = "{LABEL}", key = "ec", pin = {{ env = "SITE_PIN" }} }}\n'
        )
    ledger = Ledger(paths.ledger_url(site.data))
    people = enlist(ledger, {"boss": ("admin",), "anna": ("operator",)})
    people.change_password("anna", PASSWORD, "another horse 22")
    span = Interval(day_of.MONDAY, day_of.MONDAY + day_of.HOUR)
    made = Made(by="anna", at=NOW)
    found = equipment_log("inc1", span, ledger=ledger, setting=day_of.site(), made=made)
    versions = Versions(ledger, found.subject, "anna")
    out = tmp_path / "log"
    write_report(log_report(found), out, keeping=partial(versions.keeping, out, found))
    done = CliRunner().invoke(
        app, ["sign", "log", "--as", "prepared", "--by", "anna"], input="another horse 22\n"
    )
    assert done.exit_code == 0, done.output
    assert (tmp_path / "log" / "record-signed.pdf").exists()
    checked = CliRunner().invoke(app, ["verify", "log"])
    assert checked.exit_code == 0, checked.output
    assert "'Prepared' is intact; certificate SHA-256" in checked.output
