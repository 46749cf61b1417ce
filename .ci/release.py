"""Make what a release consists of, and check it: everything but the upload.

    make release        which is: python .ci/release.py

Of a clean checkout whose version stands in pyproject.toml, CITATION.cff and, with a date, in
CHANGELOG.md, and whose measurements are of this version: the sdist and the wheels of it in dist,
checked as the package index checks them, and the text of the tag; where there is an nvcc, the
wheels of rankme-cuda13 too. `--check` stops before the build.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

ROOT = Path(__file__).parents[1]
_COMMIT = re.compile(r"\b(?:commit:?|at|of) `?([0-9a-f]{7,40})\b")


def git(root: Path, *arguments: str) -> str:
    """Return what git prints; empty where it fails."""
    done = subprocess.run(
        ["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() if done.returncode == 0 else ""


def version_in(text: str) -> str:
    """Return the version that a pyproject.toml names."""
    version: str = tomllib.loads(text)["project"]["version"]
    return version


def section_of(changelog: str, version: str) -> str | None:
    """Return what the changelog says of a version that has a date; None where it has none."""
    head = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$"
    found = re.search(rf"{head}\n(.*?)(?=^## \[|\Z)", changelog, re.MULTILINE | re.DOTALL)
    return None if found is None else found[1].strip()


def wrong_versions(root: Path, version: str) -> list[str]:
    """Say which files name another version, or none."""
    told = []
    citation = re.search(r"^version: (\S+)$", (root / "CITATION.cff").read_text(), re.MULTILINE)
    if citation is None or citation[1] != version:
        told.append(f"CITATION.cff names the version {citation and citation[1]}, not {version}")
    changelog = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if section_of(changelog, version) is None:
        told.append(f"CHANGELOG.md has no section '## [{version}] - DATE'")
    news = re.search(r"^## \[Unreleased\]$(.*?)(?=^## \[|\Z)", changelog, re.MULTILINE | re.DOTALL)
    if news is not None and news[1].strip():
        told.append("CHANGELOG.md has news under [Unreleased]: put them under the version")
    if git(root, "tag", "--list", f"v{version}"):
        told.append(f"the tag v{version} exists")
    return told


def stale_results(root: Path, version: str) -> list[str]:
    """Say which measurements name no commit of this history with this version."""
    told = []
    for path in sorted((root / "bench" / "results").glob("*.md")):
        commits = set(_COMMIT.findall(path.read_text(encoding="utf-8")))
        known = {commit for commit in commits if _is_ancestor(root, commit)}
        versions = {version_in(git(root, "show", f"{one}:pyproject.toml")) for one in known}
        if not commits:
            told.append(f"bench/results/{path.name} names no commit")
        elif version not in versions:
            told.append(
                f"bench/results/{path.name} was measured at {', '.join(sorted(commits))}, of "
                f"version {', '.join(sorted(versions)) or 'unknown'}"
            )
    return told


def _is_ancestor(root: Path, commit: str) -> bool:
    """Whether a commit is in the history."""
    command = ["git", "-C", str(root), "merge-base", "--is-ancestor", commit, "HEAD"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def cuda_wheels(version: str) -> list[str] | None:
    """Build the wheels of rankme-cuda13 and check them; None where no nvcc is on PATH."""
    if shutil.which("nvcc") is None:
        return None
    dist = ROOT / "dist"
    for old in dist.glob("rankme_cuda13-*.whl"):
        old.unlink()
    _run(str(ROOT / "cmake" / "manylinux" / "wheels.sh"), "--cuda", str(ROOT))
    files = sorted(str(path) for path in dist.glob(f"rankme_cuda13-{version}-*.whl"))
    if not files:
        raise SystemExit(f"no wheel of rankme-cuda13 {version} lies in {dist}")
    _run(sys.executable, "-m", "twine", "check", "--strict", *files)
    return files


def words_of_cuda(files: list[str] | None) -> str:
    """Say what is left to do for rankme-cuda13."""
    if files is None:
        return (
            "rankme-cuda13 was not built: no nvcc is on PATH. `make wheels-cuda` builds it with "
            "that of NVIDIA's packages, and `twine check --strict` checks it."
        )
    return (
        f"dist has {len(files)} checked wheels of rankme-cuda13, which the tag does not publish: "
        f"the name is not claimed yet. See docs/developers/decisions/018-cuda-packaging.md."
    )


def main() -> None:
    """Check, build, check again, and say what is left to do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="check the tree, and build nothing")
    options = parser.parse_args()
    version = version_in((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    told = [*wrong_versions(ROOT, version), *stale_results(ROOT, version)]
    if git(ROOT, "status", "--porcelain"):
        told.insert(0, "the checkout is not clean: commit, or stash")
    if told:
        raise SystemExit("\n".join([f"{version} cannot be released yet:", *told]))
    if options.check:
        return
    dist = ROOT / "dist"
    _run(sys.executable, "-m", "build", "--sdist", "--outdir", str(dist))
    sdist = str(dist / f"rankme-{version}.tar.gz")
    _run(str(ROOT / "cmake" / "manylinux" / "wheels.sh"), sdist)
    files = [str(path) for path in (*dist.glob(f"rankme-{version}-*.whl"), Path(sdist))]
    _run(sys.executable, "-m", "twine", "check", "--strict", *files)
    cuda = cuda_wheels(version)
    section = section_of((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), version)
    tag = dist / "tag.txt"
    tag.write_text(f"rankme {version}\n\n{section}\n", encoding="utf-8")
    sys.stdout.write(
        f"\ndist has the sdist and {len(files) - 1} wheels. What is left:\n"
        f"  git tag --annotate v{version} --cleanup=verbatim --file {tag.relative_to(ROOT)}\n"
        f"  git push origin v{version}    # which builds, tests and publishes\n"
        f"{words_of_cuda(cuda)}\n"
    )


def _run(*command: str) -> None:
    """Run a command; the release ends where it fails."""
    subprocess.run(command, cwd=ROOT, check=True)


if __name__ == "__main__":
    main()
