"""What all Python tests share: skips, what is slow, how hypothesis runs, and that Ctrl-C works.

With ``CI=true`` every skip is printed with its reason, and a skip that
``tests/allowed_skips.txt`` does not list fails the session. Elsewhere a skip is only reported,
as pytest does.
"""

import os
import signal
from pathlib import Path

import hypothesis
import pytest

# The rooms whose tests start engines and studies, which takes seconds each.
SLOW = {"bench", "distributed", "examples"}

# Threads of BLAS that have nothing to do spin for a while, on cores that the other process of the
# tests needs: a third of the time of a short command. OpenBLAS reads this when it is loaded, in the
# processes that pytest starts too; it is the power of two of the cycles, of which 4 is the least.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

IN_CI = os.environ.get("CI", "").lower() == "true"
ALLOWED_SKIPS = Path(__file__).parents[1] / "allowed_skips.txt"

# A deadline measures the machine, not the code. In CI the same examples run every time, so that a
# red run can be repeated; everywhere else new ones are tried.
hypothesis.settings.register_profile("local", deadline=None, print_blob=True)
hypothesis.settings.register_profile("ci", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.load_profile("ci" if IN_CI else "local")


def read_allowed_skips(path: Path) -> set[str]:
    """Return the node ids and reasons that the list accepts."""
    allowed = set()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        entry = line.strip()
        if not entry or entry.startswith("#"):
            continue
        what, _, why = (part.strip() for part in entry.rpartition(" | "))
        if not what or not why:
            msg = f"{path}:{number}: expected 'WHAT | WHY', got {entry!r}"
            raise pytest.UsageError(msg)
        allowed.add(what)
    return allowed


class SkipPolicy:
    """Collects skips of tests and of whole modules, and judges them when the session ends."""

    def __init__(self, allowed: set[str]) -> None:
        self.allowed = allowed
        self.skips: list[tuple[str, str, bool]] = []

    def note(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        # An expected failure is reported as skipped too, but it did run.
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        reason = reason.removeprefix("Skipped: ")
        names = {report.nodeid, report.nodeid.partition("[")[0], reason}
        self.skips.append((report.nodeid, reason, not names.isdisjoint(self.allowed)))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.note(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.note(report)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if session.exitstatus == pytest.ExitCode.OK and not all(ok for _, _, ok in self.skips):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        terminalreporter.section("skips")
        for node, reason, ok in self.skips:
            verdict = "allowed" if ok else "NOT ALLOWED"
            terminalreporter.write_line(f"{verdict}: {node}: {reason}")
        refused = sum(not ok for _, _, ok in self.skips)
        terminalreporter.write_line(f"{len(self.skips)} skipped, {refused} of them not allowed")


@pytest.fixture(autouse=True, scope="module")
def _threads_of_the_next_module():
    """Take back the counts of threads that engines leave in the environment, as Dask does."""
    names = ("RANKME_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    yield
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if SLOW.intersection(item.path.relative_to(Path(__file__).parent).parts):
            item.add_marker(pytest.mark.slow)
    # They come first, so that no process waits at the end for another one's study.
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def pytest_configure(config: pytest.Config) -> None:
    # A shell without job control starts what it puts into the background with SIGINT ignored. Every
    # child inherits that, also those that a test interrupts; a handler here is the default there.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if IN_CI:
        policy = SkipPolicy(read_allowed_skips(ALLOWED_SKIPS))
        config.pluginmanager.register(policy, "rankme-skip-policy")
