"""Faults that end a command: a line each, an exit code, and no traceback."""

import pytest

from culturewatch.faults import told
from culturewatch.site import SiteError


class LocalError(Exception):
    """One that a command knows of."""


def test_a_site_that_cannot_be_used_is_wrong_use(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, told():
        raise SiteError(["first", "second"])
    assert ended.value.code == 2
    assert capsys.readouterr().err == "culturewatch: first\nculturewatch: second\n"


def test_a_known_fault_fails(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, told(LocalError):
        raise LocalError("the disk is full; make room")
    assert ended.value.code == 1
    assert capsys.readouterr().err == "culturewatch: the disk is full; make room\n"


def test_a_fault_of_the_system_says_which_file(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, told():
        open("/nowhere/data")  # noqa: PTH123, SIM115 # raises before there is a file
    assert ended.value.code == 1
    assert capsys.readouterr().err == "culturewatch: /nowhere/data: No such file or directory\n"


def test_faults_of_several_tasks_are_told_once_each(capsys: pytest.CaptureFixture[str]) -> None:
    inner = ExceptionGroup("tasks", [LocalError("same"), LocalError("same")])
    with pytest.raises(SystemExit) as ended, told(LocalError):
        raise ExceptionGroup("tasks", [inner, LocalError("other")])
    assert ended.value.code == 1
    assert capsys.readouterr().err == "culturewatch: same\nculturewatch: other\n"


def test_among_several_faults_wrong_use_decides_the_exit_code() -> None:
    with pytest.raises(SystemExit) as ended, told(LocalError):
        raise ExceptionGroup("tasks", [LocalError("one"), SiteError(["two"])])
    assert ended.value.code == 2


def test_a_fault_that_nobody_knows_passes_through() -> None:
    with pytest.raises(ExceptionGroup), told(LocalError):
        raise ExceptionGroup("tasks", [LocalError("one"), ZeroDivisionError()])
    with pytest.raises(ZeroDivisionError), told(LocalError):
        raise ZeroDivisionError
