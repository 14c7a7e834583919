"""``python -m tools.promises``: docs/validation.md, what is promised and what tries to break it.

A test holds the page current, and sees that every test that it names is there.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "validation.md"
HEAD = """# Promises and their tests

Made by `python -m tools.promises`; a test sees that every test named here is there.

The list is a way into the tests for whoever validates the program for a use of their own, and not a
validation ([what is not proven](explanation/not-proven.md)). Each sentence has a few of its tests,
those that try hardest to break it. `make test` runs them; long runs of them are in
[measured figures](figures.md), with their commands.
"""
LOST, INVENTED = "Nothing acknowledged is lost", "No value is invented"
SILENT, PROVABLE = "No danger is silent", "The past is provable"
Sentence = tuple[str, tuple[str, ...]]
PROMISES: dict[str, tuple[Sentence, ...]] = {
    LOST: (
        (
            "A reading is on disk before anybody else could see it.",
            (
                "unit/storage/test_journal.py::test_nothing_is_acknowledged_before_another_process_could_read_it",
            ),
        ),
        (
            "Killed at any moment under load, it has every message that it acknowledged.",
            ("integration/test_kill.py::",),
        ),
        (
            "A full disk delays and loses nothing, and says so.",
            (
                "unit/storage/test_full_disk.py::test_a_full_disk_delays_and_loses_nothing",
                "unit/alerts/test_service.py::test_a_full_disk_stops_neither_judging_nor_paging_and_forgets_nothing",
            ),
        ),
        (
            "A server that is away costs nothing but delay.",
            (
                "unit/storage/test_influx.py::test_nothing_is_lost_while_the_server_cannot_take_it",
                "integration/postgres/test_outage.py::",
            ),
        ),
        (
            "A backup of a running site is whole, or is none.",
            (
                "integration/test_backup.py::test_a_backup_of_a_running_site_verifies_replays_and_runs",
                "unit/storage/test_backup.py::test_killed_in_the_middle_the_next_one_is_whole",
            ),
        ),
    ),
    INVENTED: (
        (
            "An answer that came late is never taken for the next one.",
            (
                "unit/collector/test_modbus_answers.py::test_an_answer_that_waited_in_the_socket_while_we_slept_is_late",
                "unit/collector/test_half_duplex.py::test_an_answer_that_waited_while_we_slept_is_late",
            ),
        ),
        (
            "Codes of broken sensors are no values, inside and outside the range.",
            (
                "unit/devices/test_codec.py::test_fault_codes_are_found_inside_and_outside_the_range",
            ),
        ),
        (
            "Every model reads what its manual says.",
            ("unit/devices/test_cases.py::",),
        ),
        (
            "A number that was cut is not completed.",
            ("unit/devices/test_text_profiles.py::test_a_number_is_never_completed",),
        ),
        (
            "What a broker kept from before is not new.",
            (
                "integration/test_mqtt_payloads.py::test_what_a_broker_retains_and_says_no_time_is_stale",
            ),
        ),
        (
            "What a device says is never another's: each publishes below its own name.",
            ("integration/test_deploy.py::test_each_device_is_heard_under_its_own_name_alone",),
        ),
        (
            "Time that is not known is never in limits.",
            (
                "unit/batches/test_exposure.py::test_a_gap_is_never_in_limits",
                "unit/batches/test_policy.py::test_the_time_of_a_tolerated_gap_is_unknown_and_not_in",
            ),
        ),
    ),
    SILENT: (
        (
            "A device that stops, or never begins, is told on time.",
            (
                "integration/test_mqtt_silence.py::test_a_device_that_never_speaks_and_one_that_stops_are_told_as_no_answer_on_time",
                "unit/collector/test_silence.py::test_it_is_told_exactly_when_nothing_was_heard_for_three_periods",
            ),
        ),
        (
            "Killed at any moment, it pages, and marks what may be a repeat.",
            (
                "unit/alerts/test_crash.py::test_kills_at_any_moment_lose_no_page_and_repeat_only_what_they_mark",
                "integration/test_page_kill.py::test_kills_lose_no_page_and_repeat_at_most_one_each_which_says_so",
            ),
        ),
        (
            "A way that fails, or cannot say that it delivered, is followed by another.",
            (
                "unit/alerts/test_fallback.py::",
                "unit/alerts/test_receipt.py::test_a_message_that_was_lost_goes_the_next_way_at_once",
            ),
        ),
        (
            "A machine that dies is told by another one.",
            (
                "integration/test_watchdog.py::",
                "unit/culturewatch/watchdog/test_three_minutes.py::",
            ),
        ),
        (
            "The hard scenarios of alarms come out as they should.",
            ("unit/alerts/test_stories.py::",),
        ),
        (
            "The default rules find failures, and page rarely for nothing.",
            ("unit/alerts/test_default_rules.py::",),
        ),
    ),
    PROVABLE: (
        (
            "A row that was changed, removed or put in is named.",
            (
                "unit/storage/test_ledger_chain.py::test_a_changed_field_is_named_with_its_table_and_row",
                "unit/storage/test_ledger_chain.py::test_a_deleted_act_is_missed",
                "unit/storage/test_ledger_chain.py::test_rows_cut_off_the_end_are_missed_with_a_head_noted_earlier",
            ),
        ),
        (
            "A changed byte of a record is named, by the program and without it.",
            (
                "unit/batches/test_verify.py::test_one_changed_byte_anywhere_is_found_in_its_file",
                "unit/batches/test_verify_record.py::test_it_says_of_one_changed_byte_what_the_whole_program_says",
            ),
        ),
        (
            "The readings give the alarm history again, byte for byte.",
            (
                "unit/alerts/test_service.py::test_replaying_the_journal_into_an_empty_store_gives_the_same_history_byte_for_byte",
                "integration/test_replay.py::test_the_history_is_what_the_journal_gives_and_a_changed_row_is_named",
            ),
        ),
        (
            "Who signs is who it names, in the order of steps, and never twice.",
            (
                "unit/batches/signing/test_order.py::test_the_order_of_steps_is_enforced",
                "unit/batches/signing/test_forged.py::test_a_signature_carried_to_another_record_does_not_count",
                "unit/batches/test_pades.py::test_a_changed_byte_is_located",
            ),
        ),
        (
            "Nobody acts without the right to, and who tried is kept.",
            (
                "unit/batches/test_authority.py::test_an_act_without_a_line_is_never_let_pass",
                "unit/batches/people/test_lock_out.py::test_five_wrong_ones_lock_out_for_a_quarter_of_an_hour_and_restarts_do_not_help",
            ),
        ),
        (
            "A patient who is forgotten leaves chain and genealogy whole.",
            (
                "unit/batches/test_erasure.py::test_erasing_destroys_the_key_and_leaves_chain_and_genealogy",
            ),
        ),
    ),
}


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)}: written\n")
    return 0


def page() -> str:
    """The page as it should be."""
    lines = [HEAD]
    for promise, sentences in PROMISES.items():
        lines += [f"## {promise}\n", "| promised | tried by |", "| --- | --- |"]
        for said, tests in sentences:
            lines.append(f"| {said} | {'<br>'.join(f'`{_shown(one)}`' for one in tests)} |")
        lines.append("")
    return "\n".join(lines)


def missing() -> Iterator[str]:
    """The tests that are named and are not there."""
    for sentences in PROMISES.values():
        for _, tests in sentences:
            yield from (one for one in tests if not _is_there(one))


def _shown(test: str) -> str:
    return f"tests/{test.removesuffix('::')}"


def _is_there(test: str) -> bool:
    file, _, name = test.partition("::")
    path = ROOT / "tests" / file
    return path.exists() and (
        not name or re.search(rf"def {name}\(", path.read_text(encoding="utf-8")) is not None
    )


if __name__ == "__main__":
    raise SystemExit(main())
