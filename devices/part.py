"""What every table of a profile is."""

import msgspec


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is read from a file: frozen, and a misspelt key is an error."""
