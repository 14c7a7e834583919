"""What Twilio is told to say and to ask, in its markup (twilio.com/docs/voice/twiml). Pure."""

from xml.sax.saxutils import escape, quoteattr

LONGEST = 4_000
"""Characters that a call may be started with (parameter ``Twiml`` of a call)."""
_SPOKEN, _WRITTEN = 500, 600
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
_ASK = "Press 1 to acknowledge."


def asking(text: str, action: str) -> str:
    """Says ``text`` up to three times and asks for a key, which is posted to ``action``."""
    ask = (
        f'<Gather input="dtmf" numDigits="1" timeout="7" method="POST" action={quoteattr(action)}>'
        f'<Pause length="1"/>{_say(text)}{_say(_ASK)}</Gather>'
    )
    return _response(ask * _times(ask) + _say("Nothing was acknowledged. Good bye."))


def asking_again(action: str) -> str:
    """Another key was pressed."""
    return _response(
        f'<Gather input="dtmf" numDigits="1" timeout="7" method="POST" action={quoteattr(action)}>'
        f"{_say(_ASK)}</Gather>{_say('Nothing was acknowledged. Good bye.')}"
    )


def telling(text: str) -> str:
    """Says ``text`` twice and ends the call."""
    return _response(f'<Pause length="1"/>{_say(text)}<Pause length="1"/>{_say(text)}')


def ending(text: str) -> str:
    """Says a last word."""
    return _response(_say(text) + "<Hangup/>")


def answering(text: str) -> str:
    """Answers a message with another; with nothing where ``text`` is empty."""
    return _response(f"<Message>{_fitting(text, _WRITTEN)}</Message>" if text else "")


def _times(ask: str) -> int:
    room = LONGEST - 200
    return max(1, min(3, room // len(ask)))


def _say(text: str) -> str:
    return f"<Say>{_fitting(text, _SPOKEN)}</Say>"


def _fitting(text: str, room: int) -> str:
    """As much of ``text`` as fits into ``room`` characters once it is escaped."""
    plain = _plain(text)[:room]
    while len(escape(plain)) > room:
        plain = plain[:-1]
    return escape(plain)


def _plain(text: str) -> str:
    # XML 1.0 has no place for control characters, escaped or not.
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _response(inner: str) -> str:
    return f"{_HEAD}<Response>{inner}</Response>"
