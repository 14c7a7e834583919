"""Finds and loads the profiles that are shipped, and those that a site brings."""

from difflib import get_close_matches
from importlib import resources
from pathlib import Path

from devices import document
from devices.profile import Profile


class ProfileError(Exception):
    """A profile cannot be used; the text says which file, where in it, and why."""


def load(path: Path) -> Profile:
    """The profile in a TOML file.

    Raises:
        ProfileError: the file cannot be read, has an unknown key, or contradicts itself.
    """
    try:
        return document.read(path, Profile)
    except document.DocumentError as error:
        raise ProfileError(str(error)) from error


def names(beside: Path | None = None) -> tuple[str, ...]:
    """What the profiles are called: those shipped, and a site's own under ``beside``."""
    with resources.as_file(resources.files("devices") / "profiles") as shipped:
        known = {path.stem for path in shipped.glob("*.toml")}
    if beside is not None:
        known |= {path.stem for path in beside.glob("*.toml")}
    return tuple(sorted(known))


def find(name: str, beside: Path | None = None) -> Profile:
    """The profile called ``name``: a site's own under ``beside``, else a shipped one.

    Raises:
        ProfileError: there is none, or it cannot be used.
    """
    if beside is not None and (own := beside / f"{name}.toml").is_file():
        return load(own)
    with resources.as_file(resources.files("devices") / "profiles") as shipped:
        path = shipped / f"{name}.toml"
        if path.is_file():
            return load(path)
    known = names()
    if near := get_close_matches(name, known, n=3):
        raise ProfileError(f"no profile is called {name!r}; did you mean {' or '.join(near)}?")
    raise ProfileError(
        f"no profile is called {name!r}, and none of the {len(known)} that are shipped is called "
        f"nearly so; put your own into {beside or 'profiles'}/{name}.toml, or take one of: "
        f"{', '.join(known)}"
    )
