"""Answers of InfluxDB 2.7.12 as it gave them, and of things that stand in its place."""

from datetime import UTC, datetime

import pytest

from storage.verdict import Fate, Verdict, judge

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)


def judged(status: int, body: str = "", **headers: str) -> Verdict:
    return judge(
        status, {name.replace("_", "-"): text for name, text in headers.items()}, body, now=NOW
    )


def test_only_no_content_means_stored() -> None:
    assert judged(204).fate is Fate.STORED
    assert judged(200, "<html>a web page</html>").fate is Fate.MEND
    assert judged(301).fate is Fate.MEND


def test_a_malformed_line_is_refused_with_the_servers_words() -> None:
    verdict = judged(
        400,
        '{"code":"invalid","message":"unable to parse '
        "'m,a=1 v= 1700000000000': missing field value\"}",
    )
    assert verdict.fate is Fate.REFUSED
    assert verdict.reason == "400: unable to parse 'm,a=1 v= 1700000000000': missing field value"
    assert verdict.dropped is None


@pytest.mark.parametrize(
    ("status", "body"),
    [
        # What InfluxDB itself, like any Go server, answers on a port that wants https.
        pytest.param(400, "Client sent an HTTP request to an HTTPS server.\n", id="plain http"),
        pytest.param(400, "<html><h1>400 Bad Request</h1></html>", id="a proxy"),
        pytest.param(400, "", id="nothing"),
        pytest.param(422, '{"detail": []}', id="another program"),
        pytest.param(400, '["no"]', id="a list"),
    ],
)
def test_a_refusal_in_other_words_than_influxdbs_condemns_no_line(status: int, body: str) -> None:
    verdict = judged(status, body)
    assert verdict.fate is Fate.MEND
    assert "https" in verdict.advice


def test_the_refusal_of_an_older_or_newer_server_is_one_too() -> None:
    assert judged(400, '{"error": "unable to parse"}').fate is Fate.REFUSED


def test_a_type_conflict_says_how_many_lines_it_left_out() -> None:
    verdict = judged(
        422,
        '{"code":"unprocessable entity","message":"failure writing points to database: partial '
        'write: field type conflict: input field \\"v\\" on measurement \\"m\\" is type integer, '
        'already exists as type float dropped=2"}',
    )
    assert (verdict.fate, verdict.dropped) == (Fate.REFUSED, 2)


def test_what_is_older_than_the_bucket_keeps_is_expired_not_refused() -> None:
    verdict = judged(
        422,
        '{"code":"unprocessable entity","message":"failure writing points to database: partial '
        "write: dropped 1 points outside retention policy of duration 24h0m0s - oldest point m,a=1 "
        "at 2023-11-14T22:13:20Z dropped because it violates a Retention Policy Lower Bound at "
        '2026-11-23T04:25:49.686535177Z dropped=1 for database: cf09c6fabb4b44e8"}',
    )
    assert (verdict.fate, verdict.dropped) == (Fate.EXPIRED, 1)


def test_a_long_complaint_is_cut() -> None:
    assert len(judged(400, f'{{"message": "unable to parse {"a" * 70_000}"}}').reason) < 600


@pytest.mark.parametrize(
    ("status", "word"), [(401, "token"), (403, "token"), (404, "bucket"), (405, "url")]
)
def test_what_a_person_must_mend_comes_with_what_to_do(status: int, word: str) -> None:
    verdict = judged(status, '{"code":"not found","message":"bucket \\"x\\" not found"}')
    assert verdict.fate is Fate.MEND
    assert word in verdict.advice
    assert verdict.told == f'{status}: bucket "x" not found; {verdict.advice}'


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_a_server_that_is_busy_or_broken_is_asked_again_later(status: int) -> None:
    assert judged(status, "gateway says\n no").fate is Fate.LATER


@pytest.mark.parametrize(
    ("header", "pause_s"),
    [
        ("7", 7.0),
        ("Tue, 24 Nov 2026 12:00:30 GMT", 30.0),
        ("Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        ("86400", 300.0),
        ("soon", None),
        ("-5", None),
        ("Tue, 24 Nov 2026 12:00:30 +99999999999999", None),
        ("", None),
    ],
)
def test_retry_after_is_honoured_within_bounds(header: str, pause_s: float | None) -> None:
    assert judged(503, retry_after=header).pause_s == pause_s


def test_too_large_is_its_own_fate() -> None:
    assert judged(413, "<html>nginx</html>").fate is Fate.TOO_LARGE


@pytest.mark.parametrize("body", ["null", "[1]", '"text"', "{", '{"message": null}'])
def test_an_answer_that_is_no_object_is_still_told(body: str) -> None:
    assert judged(500, body).reason.startswith("500: ")
