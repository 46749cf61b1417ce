"""The machine, in the words that a reader needs to compare numbers; no host name, no paths."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

from rankme.bench.client import without_paths


def describe_machine() -> dict[str, str]:
    """CPU, memory, system, load and Python of this machine, and the commit of our checkout."""
    told = {
        "CPU": cpu_model(),
        "vectors": vectors(),
        "cores": f"{usable_cores()} usable of {os.cpu_count()}",
        "memory": memory(),
        "load at the start": f"{os.getloadavg()[0]:.2f}",
        "system": system(),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
    }
    budget = os.environ.get("RANKME_NUM_THREADS")
    if budget is not None:
        told["RANKME_NUM_THREADS"] = budget
    settings = library_settings()
    if settings:
        told["environment"] = settings
    commit = checkout_commit()
    if commit is not None:
        told["commit"] = commit
    return told


def cpu_model() -> str:
    """Name of the processor; its family and model, since clouds shorten names."""
    name = cpu_field("model name")
    if name is None:  # not x86
        return platform.processor() or platform.machine()
    numbers = [f"{word} {value}" for word in ("cpu family", "model") if (value := cpu_field(word))]
    return ", ".join([name, *numbers]).replace("cpu family", "family")


def library_settings() -> str:
    """Return the environment variables that choose kernels or threads of BLAS, folders left out."""
    found = {
        name: without_paths(value)
        for name, value in sorted(dict(os.environ).items())
        if name.startswith(("OPENBLAS_", "MKL_", "KMP_", "OMP_")) and "THREADS" not in name
    }
    return ", ".join(f"{name}={value}" for name, value in found.items())


def cpu_field(name: str) -> str | None:
    """Return what ``/proc/cpuinfo`` says of the first processor; None where it has no such line."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    found = re.search(rf"^{name}\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else None


def vectors() -> str:
    """Return the widest vector instructions of an x86 processor."""
    flags = (cpu_field("flags") or "").split()
    for flag, name in (("avx512f", "AVX-512"), ("avx2", "AVX2"), ("avx", "AVX")):
        if flag in flags:
            return name
    return "unknown"


def usable_cores() -> int:
    """Logical processors that this process may use."""
    return len(os.sched_getaffinity(0))


def memory() -> str:
    """Physical memory in GiB."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{total / 2**30:.0f} GiB"


def system() -> str:
    """Operating system, its release and the kernel's architecture."""
    kernel = f"{platform.system()} {platform.release()} {platform.machine()}"
    try:
        return f"{platform.freedesktop_os_release()['PRETTY_NAME']}, {kernel}"
    except (OSError, KeyError):
        return kernel


def checkout_commit() -> str | None:
    """Short commit of the working directory's checkout, if it is one of rankme; else None."""
    try:
        top = run_git("rev-parse", "--show-toplevel")
        project = (Path(top) / "pyproject.toml").read_text(encoding="utf-8")
        if re.search(r'^name = "rankme"$', project, re.MULTILINE) is None:
            return None
        changed = run_git("status", "--porcelain", "--untracked-files=no")
        return run_git("rev-parse", "--short", "HEAD") + (" with changes" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def run_git(*arguments: str) -> str:
    """Output of a git command that only reads."""
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()
