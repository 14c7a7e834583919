"""Runs the tests against mutants, each in a process of its own, and tells what became of it.

The tests run once, line by line, which tells which of them see which line. Then each mutant has
a process forked with everything imported, in which the code of one function is exchanged and the
tests that see the changed lines run until one fails: first those that found others of the same
function or file, then quick ones. The body of a class takes effect when it is imported: there
everything is imported anew.
"""

import gc
import importlib
import importlib.abc
import importlib.util
import json
import os
import resource
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.machinery import ModuleSpec
from inspect import iscoroutinefunction
from mmap import mmap
from pathlib import Path
from struct import calcsize
from textwrap import dedent
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

from tools.mutants import Kind, Mutant
from tools.tracer import Tracer

ROOT = Path(__file__).resolve().parents[1]
CODE = ROOT / "alerts" / "engine"
TESTS = (
    "tests/unit/alerts/engine",
    "tests/unit/alerts/test_stories.py",
    "tests/unit/alerts/test_bad_values.py",
)
OPTIONS = (
    *("-q", "-s", "--no-header", "--timeout", "0", "-m", "not slow and not long"),
    *("-p", "no:cacheprovider", "-p", "no:xdist"),
    *("-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"),
)
UNCHANGED = ("hypothesis.strategies", "pytest_asyncio.plugin", "storage.entry", "alerts.rulebook")
"""Modules that take long to import and know nothing of the engine."""

SURVIVED, FOUND, NO_CODE = 0, 1, 3
"""Exit codes of a mutant's process; ``NO_CODE`` does not compile and is no mutant."""

CPU_S, WALL_S = 20, 900
"""After so long a mutant's tests run for ever: it is found."""

MEMORY = 3 << 30
KEEP_EVERY = 100

SAME_FUNCTION = 1000
"""So much more a test counts that found a mutant of the same function."""

Outcomes = dict[str, int]


class TestsFailError(Exception):
    """The tests do not pass as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """How to run them: so many at one time, without tests that take longer than ``under_s``.

    ``folder`` keeps the outcomes.
    """

    workers: int
    under_s: float
    folder: Path

    def run(self, mutants: Sequence[Mutant], outcomes: Outcomes) -> None:
        """Put what became of each into ``outcomes``: an exit code, negative for a signal.

        Raises:
            TestsFailError: a test fails without a mutant.
        """
        self.folder.mkdir(exist_ok=True)
        # Tests are collected once, in a process of their own: what is imported there is stale
        # for those mutants that want everything imported anew.
        child = os.fork()
        if not child:
            code = FOUND
            try:
                plugin = _Exchanging(mutants, self, outcomes)
                code = int(pytest.main([*OPTIONS, *TESTS], plugins=[plugin]))
            finally:
                sys.stdout.flush()
                os._exit(code)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            raise TestsFailError("the tests do not pass as they are: mend them first")
        outcomes.update(self.kept())
        order = json.loads(self._order.read_text())
        for name in UNCHANGED:
            importlib.import_module(name)
        pool = _Pool(self, outcomes)
        for mutant in mutants:
            if mutant.kind is Kind.CLASS:
                pool.start(mutant, partial(_imported_anew, mutant, order))
        pool.finish()

    def kept(self) -> Outcomes:
        """What is known from earlier runs."""
        return json.loads(self._kept.read_text()) if self._kept.exists() else {}

    def keep(self, outcomes: Outcomes) -> None:
        """For later runs."""
        self._kept.write_text(json.dumps(outcomes, indent=0, sort_keys=True))

    def keep_order(self, tests: Sequence[str]) -> None:
        """Tests from the quickest to the slowest."""
        self._order.write_text(json.dumps(tests))

    @property
    def _kept(self) -> Path:
        return self.folder / "outcomes.json"

    @property
    def _order(self) -> Path:
        return self.folder / "order.json"


class _Pool:
    """Processes that each have one mutant; the exit code is the outcome."""

    def __init__(self, trials: Trials, outcomes: Outcomes) -> None:
        self._trials = trials
        self._outcomes = outcomes
        self._running: dict[int, Mutant] = {}
        self._done = 0

    def start(self, mutant: Mutant, judge: Callable[[], int]) -> None:
        """Begin with one, when another has ended."""
        while len(self._running) >= self._trials.workers:
            self._wait()
        sys.stdout.flush()
        child = os.fork()
        if child:
            self._running[child] = mutant
            return
        code = FOUND
        try:
            _bound()
            code = judge()
        except SyntaxError:
            code = NO_CODE
        finally:
            os._exit(code)

    def finish(self) -> None:
        """Wait for all, and keep what they said."""
        while self._running:
            self._wait()
        self._trials.keep(self._outcomes)

    def _wait(self) -> None:
        child, status = os.wait()
        mutant = self._running.pop(child)
        self._outcomes[mutant.id] = os.waitstatus_to_exitcode(status)
        self._done += 1
        if self._done % KEEP_EVERY == 0:
            sys.stdout.write(f"  {self._done}, now in {mutant.path}\n")
            sys.stdout.flush()
            self._trials.keep(self._outcomes)


def _bound() -> None:
    """A mutant may loop for ever, eat memory, and write what nobody wants to read."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    # Time of the processor: a machine that is busy with other things finds no mutant.
    signal.setitimer(signal.ITIMER_PROF, CPU_S)
    signal.setitimer(signal.ITIMER_REAL, WALL_S)


class _Exchanging:
    """A plugin of pytest that runs the tests once, and then some of them for each mutant."""

    def __init__(self, mutants: Iterable[Mutant], trials: Trials, outcomes: Outcomes) -> None:
        self._mutants = [mutant for mutant in mutants if mutant.kind is not Kind.CLASS]
        self._trials = trials
        self._outcomes = outcomes
        self._seen: dict[tuple[str, int], set[int]] = defaultdict(set)
        self._took_s: list[float] = []
        # The processes of the mutants write here which test it was, counted from 1.
        shared = mmap(-1, max(1, len(self._mutants)) * calcsize("i"))
        self._found_by = memoryview(shared).cast("i")

    def pytest_configure(self) -> None:
        """The same examples for every mutant, and none made smaller: one that fails is enough."""
        _steady_hypothesis()

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of the loop of pytest."""
        self._watch(session.items)
        places = sorted(range(len(session.items)), key=self._took_s.__getitem__)
        places = [place for place in places if self._took_s[place] <= self._trials.under_s]
        self._trials.keep_order([session.items[place].nodeid for place in places])
        # What is here now stays: a child that collects garbage would copy all of it.
        gc.disable()
        gc.freeze()
        pool = _Pool(self._trials, self._outcomes)
        for number, mutant in enumerate(self._mutants):
            seen = self._seeing(mutant)
            asked = [place for place in places if seen is None or place in seen]
            pool.start(mutant, partial(self._exchanged, number, asked, session.items))
        pool.finish()
        return True

    def _exchanged(self, number: int, places: Sequence[int], items: Sequence[pytest.Item]) -> int:
        """Put the change in place, and run these tests until one fails."""
        mutant = self._mutants[number]
        EXCHANGE[mutant.kind](mutant, sys.modules[mutant.module])
        for place in self._likely_first(number, places):
            if not _passes(items[place]):
                self._found_by[number] = place + 1
                return FOUND
        return SURVIVED

    def _likely_first(self, number: int, places: Sequence[int]) -> list[int]:
        """First those that found a mutant of the same function before, then of the same file."""
        mutant, weights = self._mutants[number], Counter[int]()
        for place, other in zip(self._found_by[:number], self._mutants, strict=False):
            if place and other.path == mutant.path:
                weights[place - 1] += SAME_FUNCTION if other.function == mutant.function else 1
        return sorted(places, key=lambda place: -weights[place])

    def _watch(self, items: Sequence[pytest.Item]) -> None:
        """Which lines each test sees, and how long it takes."""
        tracer = Tracer(CODE, ROOT)
        for place, item in enumerate(items):
            began = time.thread_time()
            passes = _passes(item)
            self._took_s.append(time.thread_time() - began)
            if not passes:
                raise TestsFailError(f"{item.nodeid} fails without a mutant")
            if self._took_s[place] <= self._trials.under_s:
                for seen in tracer.seen_by(partial(_passes, item)):
                    self._seen[seen].add(place)

    def _seeing(self, mutant: Mutant) -> set[int] | None:
        """The tests that run its lines, None for all of them."""
        if mutant.kind is not Kind.BODY:
            return None
        lines = range(mutant.lines[0], mutant.lines[1] + 1)
        return set().union(*(self._seen[mutant.path, line] for line in lines))


def _steady_hypothesis() -> None:
    hypothesis = importlib.import_module("hypothesis")
    phases = (hypothesis.Phase.explicit, hypothesis.Phase.generate)
    hypothesis.settings.register_profile("mutation", derandomize=True, database=None, phases=phases)
    hypothesis.settings.load_profile("mutation")


def _passes(item: pytest.Item) -> bool:
    """Whether a test passes: called as it is where it is a plain function, else by pytest.

    An event loop for each of many hundred plain functions would take most of the time.
    """
    if not isinstance(item, pytest.Function) or not _is_plain(item):
        return not any(one.failed for one in runtestprotocol(item, log=False, nextitem=None))
    arguments = item.callspec.params if hasattr(item, "callspec") else {}
    try:
        item.obj(**arguments)
    except (Exception, pytest.fail.Exception):  # noqa: BLE001 # whatever it is, it fails
        return False
    return True


def _is_plain(item: pytest.Function) -> bool:
    given = set(item.callspec.params) if hasattr(item, "callspec") else set()
    wants = set(item._fixtureinfo.argnames)  # noqa: SLF001 # pytest tells it nowhere else
    return wants <= given and not iscoroutinefunction(item.obj)


def _exchange_body(mutant: Mutant, module: ModuleType) -> None:
    code = compile(dedent(mutant.part), mutant.path, "exec")
    function = _function(module, mutant.function)
    name = function.__code__.co_name
    function.__code__ = next(
        one for one in code.co_consts if isinstance(one, CodeType) and one.co_name == name
    )


def _exchange_defaults(mutant: Mutant, module: ModuleType) -> None:
    made: dict[str, Any] = {}
    exec(compile(dedent(mutant.part), mutant.path, "exec"), vars(module), made)  # noqa: S102 # our own
    function, (changed,) = _function(module, mutant.function), made.values()
    function.__defaults__, function.__kwdefaults__ = changed.__defaults__, changed.__kwdefaults__


def _exchange_statement(mutant: Mutant, module: ModuleType) -> None:
    """Names that the statement binds are bound anew wherever they were imported."""
    before = dict(vars(module))
    exec(compile(mutant.part, mutant.path, "exec"), vars(module))  # noqa: S102 # our own
    for name, old in before.items():
        if vars(module)[name] is not old:
            _bind_anew(name, old, vars(module)[name])


def _bind_anew(name: str, old: object, new: object) -> None:
    """Under whichever name it was imported; what is the same everywhere only under its own."""
    shared = isinstance(old, int | float | str | None)
    for other in list(sys.modules.values()):
        for known, value in list(vars(other).items()):
            if value is old and (known == name or not shared):
                setattr(other, known, new)


EXCHANGE: Mapping[Kind, Callable[[Mutant, ModuleType], None]] = {
    Kind.BODY: _exchange_body,
    Kind.SIGNATURE: _exchange_defaults,
    Kind.STATEMENT: _exchange_statement,
}


def _function(module: ModuleType, name: str) -> FunctionType:
    found: Any = module
    for part in name.split("."):
        found = vars(found)[part]
    found = found.fget if isinstance(found, property) else found
    if not isinstance(found, FunctionType):
        raise TypeError(f"{module.__name__}.{name} is no plain function")
    return found


def _imported_anew(mutant: Mutant, order: Sequence[str]) -> int:
    """Import everything with the change in place, collect the tests and run them in order."""
    sys.meta_path.insert(0, _Finder(mutant))
    code = int(pytest.main([*OPTIONS, *TESTS], plugins=[_InOrder(order)]))
    return SURVIVED if code == 0 else FOUND


@dataclass
class _InOrder:
    """A plugin of pytest that runs tests in this order and ends with the first that fails."""

    order: Sequence[str]

    def pytest_configure(self) -> None:
        """As in all runs."""
        _steady_hypothesis()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out what is not to be run."""
        places = {name: place for place, name in enumerate(self.order)}
        known = [item for item in items if item.nodeid in places]
        items[:] = sorted(known, key=lambda item: places[item.nodeid])

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of the loop of pytest."""
        session.testsfailed += not all(map(_passes, session.items))
        return True


@dataclass
class _Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports the mutated module instead of the file."""

    mutant: Mutant

    def find_spec(self, fullname: str, _path: object, _target: object = None) -> ModuleSpec | None:
        """Only that one."""
        if fullname != self.mutant.module:
            return None
        return importlib.util.spec_from_loader(fullname, self, origin=str(ROOT / self.mutant.path))

    def get_source(self, _fullname: str) -> str:
        """What is imported."""
        return self.mutant.source
