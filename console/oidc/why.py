"""Why nobody came in by the provider of identities."""

from enum import StrEnum


class Why(StrEnum):
    """Why nobody came in by the provider, as they read it."""

    AWAY = "the provider of identities cannot be reached or used; log in with your password"
    DECLINED = "the provider did not let you in"
    STRANGE = "this answer of the provider belongs to no log-in begun here; please try again"
    TOKEN = "what the provider said could not be verified; an admin finds why in the log"  # noqa: S105 # no password


class OidcError(Exception):
    """Nobody was proved to be anybody. ``why`` is for the person, the text for who runs this."""

    def __init__(self, why: Why, text: str) -> None:
        super().__init__(text)
        self.why = why
