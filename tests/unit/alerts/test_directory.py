"""Whom a message can go to next."""

from alerts.directory import Directory, Way
from tests.unit.alerts.desk import PEOPLE, RULE, directory  # a test's own

A_SMS, A_MAIL, B, C = Way("A", "sms"), Way("A", "mail"), Way("B", "mail"), Way("C", "mail")


def test_own_channels_come_first_then_the_steps_then_the_fallback() -> None:
    people = directory()
    tried: list[Way] = [people.first("A")]
    while (way := people.next_way(RULE.id, tried[-1].person, tried)) is not None:
        tried.append(way)
    assert tried == [A_SMS, A_MAIL, B, C]


def test_news_stays_with_its_person() -> None:
    people = directory()
    assert people.next_channel("A", [A_SMS]) == A_MAIL
    assert people.next_channel("A", [A_SMS, A_MAIL]) is None


def test_somebody_unknown_fails_and_is_followed_by_who_the_policy_names() -> None:
    people = directory()
    assert people.first("Z") == Way("Z", "")
    assert people.next_way(RULE.id, "Z", [Way("Z", "")]) == A_SMS
    assert people.address(Way("Z", "")) is None
    assert people.name("Z") == "Z"


def test_a_rule_that_is_gone_names_nobody() -> None:
    people = Directory(PEOPLE, (), lambda _: None)
    assert people.next_way("gone", "B", [B]) is None
