"""What `make release` asks of a checkout before it builds."""

import importlib.util
import subprocess

import pytest

from helpers import ROOT

SPEC = importlib.util.spec_from_file_location("release", ROOT / ".ci" / "release.py")
release = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(release)

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-12-01\n\n- News.\n\n## [1.1.0]\n"
PROJECT = '[project]\nname = "x"\nversion = "{}"\n'


def git(root, *arguments):
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    done = subprocess.run(
        ["git", "-C", root, *who, *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def root(tmp_path):
    """A checkout that may be released: its results name the commit before."""
    (tmp_path / "bench" / "results").mkdir(parents=True)
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    (tmp_path / "CITATION.cff").write_text("version: 1.2.0\n")
    (tmp_path / "pyproject.toml").write_text(PROJECT.format("1.1.0"))
    git(tmp_path, "init", "--quiet")
    for version in ("1.1.0", "1.2.0"):
        (tmp_path / "pyproject.toml").write_text(PROJECT.format(version))
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", "--message", version)
    commit = git(tmp_path, "rev-parse", "--short", "HEAD")
    (tmp_path / "bench" / "results" / "cpu.md").write_text(f"- commit: {commit}\n")
    return tmp_path


def test_a_checkout_that_is_ready_is_told_nothing(root):
    assert release.wrong_versions(root, "1.2.0") == []
    assert release.stale_results(root, "1.2.0") == []


def test_the_section_of_the_tag():
    assert release.section_of(CHANGELOG, "1.2.0") == "- News."
    assert release.section_of(CHANGELOG, "1.1.0") is None  # without a date


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("CITATION.cff", "version: 1.1.0\n", "CITATION.cff names the version 1.1.0, not 1.2.0"),
        ("CITATION.cff", "title: x\n", "names the version None"),
        ("CHANGELOG.md", "## [Unreleased]\n\n- New.\n", "has no section '## [1.2.0] - DATE'"),
        ("CHANGELOG.md", CHANGELOG.replace("\n\n## [1.2", "\n\n- New.\n\n## [1.2"), "has news"),
    ],
)
def test_other_versions_are_told(root, file, text, told):
    (root / file).write_text(text)
    assert any(told in one for one in release.wrong_versions(root, "1.2.0"))


def test_a_tag_that_exists_is_told(root):
    git(root, "tag", "v1.2.0")
    assert release.wrong_versions(root, "1.2.0") == ["the tag v1.2.0 exists"]


def test_results_of_another_version_are_told(root):
    before = git(root, "rev-parse", "--short", "HEAD~1")
    page = root / "bench" / "results" / "cpu.md"
    page.write_text(f"Measured at commit {before}.\n")
    assert "of version 1.1.0" in release.stale_results(root, "1.2.0")[0]
    page.write_text("Measured at commit 0123456.\n")
    assert "of version unknown" in release.stale_results(root, "1.2.0")[0]
    page.write_text("Measured.\n")
    assert release.stale_results(root, "1.2.0") == ["bench/results/cpu.md names no commit"]


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """What would be run; the script of the wheels leaves some."""
    found = []

    def run(*command):
        found.append(command)
        if command[0].endswith("wheels.sh"):
            (tmp_path / "dist" / "rankme_cuda13-1.2.0-cp311-cp311-x.whl").touch()

    (tmp_path / "dist").mkdir()
    (tmp_path / "dist" / "rankme_cuda13-1.1.0-cp311-cp311-x.whl").touch()
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setattr(release, "_run", run)
    return found


def test_without_nvcc_no_wheel_of_cuda_is_built_and_that_is_said(commands, monkeypatch):
    monkeypatch.setattr(release.shutil, "which", lambda _: None)
    assert release.cuda_wheels("1.2.0") is None
    assert commands == []
    assert "rankme-cuda13 was not built: no nvcc is on PATH" in release.words_of_cuda(None)


def test_with_nvcc_the_wheels_of_cuda_are_built_and_checked(commands, monkeypatch, tmp_path):
    monkeypatch.setattr(release.shutil, "which", lambda name: f"/usr/bin/{name}")
    (wheel,) = release.cuda_wheels("1.2.0")
    assert wheel.endswith("rankme_cuda13-1.2.0-cp311-cp311-x.whl")
    build, check = commands
    assert build[1:] == ("--cuda", str(tmp_path))
    assert check[-3:] == ("check", "--strict", wheel)
    assert "dist has 1 checked wheels of rankme-cuda13" in release.words_of_cuda([wheel])
    with pytest.raises(SystemExit, match=r"no wheel of rankme-cuda13 1\.3\.0"):
        release.cuda_wheels("1.3.0")
