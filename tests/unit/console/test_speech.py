"""The console's languages."""

import pytest

from alerts.delivery import Delivery
from alerts.token import Reason
from alerts.transition import What
from console import app, login_pages, words
from console.orders import Became
from console.pins import Verdict
from console.speech import LANGUAGES, Speech, chosen
from console.words import _STATES
from culturewatch import own_state
from devices import catalog
from devices.quality import Quality
from tools.catalogue import missing, said


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_a_catalogue_says_all_that_is_said_on_screens(language: str) -> None:
    assert missing(language) == []


def test_what_is_said_is_really_found() -> None:
    found = set(said())
    assert {"Log in", "Acknowledge", "SILENT: no value is known"} <= found


@pytest.mark.parametrize(
    "word",
    [
        *_STATES.values(),
        *(quality.word.replace("_", " ") for quality in Quality),
        *(became.value for became in Became),
        *("critical", "high", "medium", "low", "advisory"),
        *(each.value for each in (*Reason, *Delivery)),
        *(each.value.replace("_", " ") for each in What),
        *(each.value for each in Verdict if each is not Verdict.RIGHT),
        *(app._OLD_PAGE, app._ELSEWHERE, app._TOO_LARGE, app._STUMBLED, login_pages._LOGGED_OFF),
        *("shelved", "shelved for one occurrence", "out of service", "suppressed by design"),
    ],
)
def test_words_that_come_from_below_have_a_german_one(word: str) -> None:
    assert Speech("de")._words.get(word)


def test_every_channel_of_a_shipped_profile_and_of_the_system_has_a_german_name() -> None:
    keys = {channel.key for name in catalog.names() for channel in catalog.find(name).channels}
    say = Speech("de")
    unsaid = {
        key
        for key in keys | set(own_state.LAYOUT.keys)
        if words.named(key, say) == words.spaced(key)
    }
    assert unsaid == set()


def test_values_stand_where_the_translation_wants_them() -> None:
    assert Speech("de")("{silent} of {all} devices silent", silent=1, all=9) == (
        "1 von 9 Geräten stumm"
    )


def test_what_a_catalogue_lacks_is_said_in_english() -> None:
    assert Speech("de")("no such text") == "no such text"


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        ("", "de-AT,de;q=0.9,en;q=0.8", "de"),
        ("", "fr-FR,en;q=0.7", "en"),
        ("", "", "en"),
        ("", "*;q=0.1, ,,;;-", "en"),
        ("", "\x00" * 5_000, "en"),
        ("de", "en", "de"),
        ("xx", "de", "de"),
    ],
)
def test_the_language_is_what_was_chosen_or_what_the_browser_asks_for(
    cookie: str, accepted: str, language: str
) -> None:
    assert chosen(cookie, accepted).language == language
