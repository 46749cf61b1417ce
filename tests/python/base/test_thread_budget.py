"""RANKME_NUM_THREADS and threadpoolctl say how many threads work."""

import os

import pytest
import threadpoolctl

import rankme
from helpers import output_of
from oracles import SAME_ROWS, moderate, relative_error
from rankme import _core

# The share of the work that other threads do: 0 with a budget of one; with two about a half of the
# Gram matrix and less of LAPACK's eigenvalues, which take one thread up to order 1024; the less the
# busier the machine is.
ONE, TWO = 0.02, 0.05

# RUSAGE_SELF counts the threads that have ended too, so what the calling thread did not spend,
# others did.
MEASURED = """
import resource, time
import numpy as np
import rankme
from rankme import _core

def spent(who):
    usage = resource.getrusage(who)
    return usage.ru_utime + usage.ru_stime

def share_of_others(operation):
    process, thread = spent(resource.RUSAGE_SELF), spent(resource.RUSAGE_THREAD)
    while spent(resource.RUSAGE_THREAD) - thread < 0.5:
        operation()
    mine = spent(resource.RUSAGE_THREAD) - thread
    return 1 - mine / (spent(resource.RUSAGE_SELF) - process)

time.sleep(0.5)  # until NumPy's own BLAS threads stop spinning after the import
rng = np.random.default_rng(0)
narrow = rng.standard_normal((20000, 128), dtype=np.float32)
square = rng.standard_normal((1200, 1100), dtype=np.float32)
"""

BUDGET = (
    MEASURED
    + """
print(_core.num_threads(), rankme.show_config("dicts")["threads"]["budget"])
print(share_of_others(lambda: rankme.score(narrow)), share_of_others(lambda: rankme.score(square)))
print(rankme.score(narrow).hex(), rankme.score(square).hex())
"""
)


def measure_budget(**env):
    budgets, shares, scores = output_of(BUDGET, **env).splitlines()
    return (
        [int(text) for text in budgets.split()],
        [float(text) for text in shares.split()],
        [float.fromhex(text) for text in scores.split()],
    )


def test_rankme_num_threads():
    budgets, shares, scores = measure_budget(RANKME_NUM_THREADS="1")
    assert budgets == [1, 1]
    assert max(shares) < ONE
    budgets, shares, more_scores = measure_budget(RANKME_NUM_THREADS="2")
    assert budgets == [2, 2]
    assert min(shares) > TWO
    for score, other in zip(scores, more_scores, strict=True):
        assert relative_error(score, other) < SAME_ROWS


@pytest.mark.parametrize("count", ["3", " 2 ", "007"])
def test_rankme_num_threads_need_not_be_the_number_of_cores(count):
    code = "from rankme import _core; print(_core.num_threads())"
    assert int(output_of(code, RANKME_NUM_THREADS=count)) == int(count)


def test_rankme_num_threads_wins_over_openblas():
    code = "from rankme import _core; print(_core.num_threads())"
    env = {"OPENBLAS_NUM_THREADS": "1"}
    assert int(output_of(code, **env)) == 1
    assert int(output_of(code, RANKME_NUM_THREADS="2", **env)) == 2


def test_an_empty_rankme_num_threads_is_none():
    code = "from rankme import _core; print(_core.num_threads())"
    assert output_of(code, RANKME_NUM_THREADS="") == output_of(code)


# An import that fails would take down programs that never compute, so the first computation does.
INVALID = """
import numpy as np
import rankme

for compute in (
    lambda: rankme.score(np.eye(2)),
    lambda: rankme.spectrum(np.eye(2)),
    lambda: rankme.Accumulator(2),
):
    try:
        compute()
    except ValueError as error:
        print(ascii(str(error)))
"""


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "1e3", "2,2", "\u0663"])
def test_an_invalid_rankme_num_threads_is_named(text):
    message = f"RANKME_NUM_THREADS must be a positive integer, got {text!r}"
    lines = output_of(INVALID, RANKME_NUM_THREADS=text, PYTHONUTF8="1").splitlines()
    assert lines == [ascii(message)] * 3


def our_library():
    library = rankme.show_config("dicts")["blas"]["library"]
    found = [
        info
        for info in threadpoolctl.threadpool_info()
        if os.path.realpath(info["filepath"]) == os.path.realpath(library)
    ]
    assert len(found) == 1, f"threadpoolctl does not see {library}"
    return found[0]


@pytest.mark.parametrize("limit", [1, 2, 3])
def test_threadpoolctl_sets_the_budget(limit):
    before = _core.num_threads()
    assert our_library()["num_threads"] == before
    with threadpoolctl.threadpool_limits(limits=limit, user_api="blas"):
        assert our_library()["num_threads"] == limit
        assert _core.num_threads() == limit
        rankme.score(moderate(6, 3000, 100, "f4"))
        assert _core.num_threads() == limit
    assert _core.num_threads() == before
    assert our_library()["num_threads"] == before


LIMITED = (
    MEASURED
    + """
import threadpoolctl
with threadpoolctl.threadpool_limits(limits=1, user_api="blas"):
    print(share_of_others(lambda: rankme.score(narrow)))
    print(share_of_others(lambda: rankme.score(square)))
print(share_of_others(lambda: rankme.score(narrow)))
print(share_of_others(lambda: rankme.score(square)))
"""
)


def test_threadpoolctl_limits_the_threads_that_work():
    shares = [float(line) for line in output_of(LIMITED, RANKME_NUM_THREADS="2").splitlines()]
    assert max(shares[:2]) < ONE
    assert min(shares[2:]) > TWO
