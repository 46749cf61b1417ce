"""How many processors the control groups allow, in trees as kernels and containers show them."""

import os
import subprocess
import sys

import pytest

from helpers import output_of
from rankme._base.cgroups import Quota, cpu_quota

V2 = "41 31 0:38 / /sys/fs/cgroup rw,relatime shared:9 - cgroup2 cgroup2 rw"
V1 = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct"
V1_MEMORY = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"


def tree(root, groups, mounts, files):
    """A root folder with what /proc tells and with the files of some groups."""
    proc = root / "proc" / "self"
    proc.mkdir(parents=True)
    (proc / "cgroup").write_text("\n".join(groups) + "\n")
    (proc / "mountinfo").write_text("\n".join(mounts) + "\n")
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("groups", "mounts", "files", "wanted"),
    [
        # A container with a namespace of its own sees its group as the root.
        (["0::/"], [V2], {"cpu.max": "150000 100000\n"}, (1.5, "cpu.max")),
        (["0::/"], [V2], {"cpu.max": "max 100000\n"}, None),
        # Without one, or on the host: any group on the way may set the limit.
        (
            ["0::/user.slice/job"],
            [V2],
            {"user.slice/cpu.max": "200000 100000", "user.slice/job/cpu.max": "max 100000"},
            (2.0, "user.slice/cpu.max"),
        ),
        (
            ["0::/user.slice/job"],
            [V2],
            {"user.slice/cpu.max": "400000 100000", "user.slice/job/cpu.max": "25000 50000"},
            (0.5, "user.slice/job/cpu.max"),
        ),
        # The root group of a host has no limit and no file for it.
        (["0::/"], [V2], {}, None),
        # Outside of the container's namespace, as docker exec may leave a process.
        (["0::/../other"], [V2], {"cpu.max": "300000 100000"}, (3.0, "cpu.max")),
        (
            ["4:memory:/job", "2:cpu,cpuacct:/job/step", "1:name=systemd:/job", "0::/job"],
            [V1_MEMORY, V1],
            {
                "cpu,cpuacct/job/cpu.cfs_quota_us": "350000\n",
                "cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
                "cpu,cpuacct/job/step/cpu.cfs_quota_us": "-1\n",
                "cpu,cpuacct/job/step/cpu.cfs_period_us": "100000\n",
            },
            (3.5, "cpu,cpuacct/job/cpu.cfs_quota_us"),
        ),
        # Docker of version 1: the path is the host's, and the mount shows the group itself.
        (
            ["2:cpu,cpuacct:/docker/abc"],
            [V1.replace(" / /sys", " /docker/abc /sys")],
            {
                "cpu,cpuacct/cpu.cfs_quota_us": "20000",
                "cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            (0.2, "cpu,cpuacct/cpu.cfs_quota_us"),
        ),
        # Both are mounted: the smaller one holds.
        (
            ["2:cpu,cpuacct:/", "0::/a"],
            [V1, V2.replace("/sys/fs/cgroup", "/sys/fs/cgroup/unified")],
            {
                "cpu,cpuacct/cpu.cfs_quota_us": "400000",
                "cpu,cpuacct/cpu.cfs_period_us": "100000",
                "unified/a/cpu.max": "300000 100000",
            },
            (3.0, "unified/a/cpu.max"),
        ),
        # A space in a mount point, and files that are no such thing.
        (
            ["0::/"],
            [V2.replace("/sys/fs/cgroup", r"/sys/fs/cgroup/a\040b")],
            {"a b/cpu.max": "100000 100000"},
            (1.0, "a b/cpu.max"),
        ),
        (["0::/"], [V2], {"cpu.max": "many\n"}, None),
        (["0::/"], [V2], {"cpu.max": "0 0\n"}, None),
        (["nonsense", ""], ["nonsense - x"], {"cpu.max": "100000 100000"}, None),
    ],
)
def test_the_smallest_quota_counts(tmp_path, groups, mounts, files, wanted):
    found = cpu_quota(tree(tmp_path, groups, mounts, files))
    assert found == (wanted and Quota(wanted[0], f"/sys/fs/cgroup/{wanted[1]}"))


def test_without_proc_there_is_no_quota(tmp_path):
    assert cpu_quota(tmp_path) is None


# ---- what the import makes of it ----------------------------------------------------------------

BUDGET = """
import sys
from pathlib import Path
from rankme._base import cgroups, threads
import rankme
root = Path(sys.argv[1])
threads.cpu_quota = lambda: cgroups.cpu_quota(root)
threads._core.set_num_threads(8)
threads.apply_environment()
config = rankme.show_config("dicts")["threads"]
print(config["budget"], config["quota"], config["reason"], sep="\\n")
"""
UNSET = {"RANKME_NUM_THREADS": "", "OPENBLAS_NUM_THREADS": "", "OMP_NUM_THREADS": ""}
MAX_FILE = "/sys/fs/cgroup/cpu.max"


@pytest.mark.parametrize(
    ("limit", "env", "budget", "reason"),
    [
        ("150000 100000", {}, 2, f"{MAX_FILE} allows 1.5 processors, rounded up"),
        ("20000 100000", {}, 1, f"{MAX_FILE} allows 0.2 processors, rounded up"),
        ("300000 100000", {}, 3, f"{MAX_FILE} allows 3 processors, rounded up"),
        ("900000 100000", {}, 8, "processors that this process may use: "),
        ("max 100000", {}, 8, "processors that this process may use: "),
        ("150000 100000", {"RANKME_NUM_THREADS": "5"}, 5, "RANKME_NUM_THREADS=5"),
        ("150000 100000", {"OPENBLAS_NUM_THREADS": "1"}, 8, "OPENBLAS_NUM_THREADS=1"),
        ("150000 100000", {"OMP_NUM_THREADS": "1,2"}, 8, "OMP_NUM_THREADS=1,2"),
        ("150000 100000", {"OPENBLAS_NUM_THREADS": "x"}, 2, f"{MAX_FILE} allows 1.5"),
    ],
)
def test_the_budget_and_the_reason_for_it(tmp_path, limit, env, budget, reason):
    tree(tmp_path, ["0::/"], [V2], {"cpu.max": limit})
    found, quota, why = output_of(BUDGET, str(tmp_path), **UNSET | env).splitlines()
    assert int(found) == budget
    assert quota == ("None" if limit.startswith("max") else str(int(limit.split()[0]) / 100000))
    assert why.startswith(reason)


def test_what_threadpoolctl_did_is_told():
    code = """
import rankme, threadpoolctl
with threadpoolctl.threadpool_limits(1):
    print(rankme.show_config("dicts")["threads"]["reason"])
print(rankme.show_config("dicts")["threads"]["reason"])
"""
    limited, free = output_of(code, **UNSET | {"RANKME_NUM_THREADS": "3"}).splitlines()
    assert limited == "set after the import, which found 3 (RANKME_NUM_THREADS=3)"
    assert free == "RANKME_NUM_THREADS=3"


def test_the_processors_that_are_left_count():
    one = sorted(os.sched_getaffinity(0))[:1]
    code = "import rankme; print(rankme.show_config('dicts')['threads'])"
    script = f"import os; os.sched_setaffinity(0, {one}); {code}"
    told = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | UNSET, text=True, capture_output=True,
        check=True,
    ).stdout  # fmt: skip
    assert "'budget': 1" in told
    assert "processors that this process may use: 1" in told
