"""Write bench/results/gpu-NAME.md and .json from what tests/gpu/run.sh left behind.

Usage: report.py WORK FOLDER NAME. It needs no more than Python itself.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

# The lines in which each runner sums up.
SUMMARIES = {
    "build": r"CUDA module: yes.*|Successfully installed.*",
    "test": r"\d+% tests passed.*|=+ .*(?:passed|failed|error).* in .*=+",
    "sanitize": r"== .*|=+ (?:ERROR SUMMARY|RACECHECK SUMMARY).*",
    "bench": r"written: .*",
}


def main(work: Path, folder: Path, name: str) -> None:
    """Gather the stages and the benchmark, and write both files."""
    stages = [read_stage(line, work) for line in lines_of(work / "stages.tsv")]
    ran = {stage["stage"] for stage in stages}
    measured = work / "bench" / "gpu.json" if "bench" in ran else None
    if measured is not None and not measured.exists():
        measured = None
    record = {
        "schema": "rankme.gpu-run/1",
        "name": name,
        "commit": os.environ.get("RANKME_COMMIT", "unknown"),
        "gpu": gpu(),
        "stages": stages,
        "benchmark": None if measured is None else json.loads(measured.read_text()),
    }
    text = [
        f"# The CUDA module on {name}",
        f"`tests/gpu/run.sh` at commit {record['commit']}.",
        f"- GPU, driver, memory: {record['gpu']}",
        "## Stages",
        "| stage | result | seconds |\n| :-- | :-- | --: |\n"
        + "\n".join(f"| {s['stage']} | {s['result']} | {s['seconds']} |" for s in stages),
    ]
    for stage in stages:
        if stage["summary"]:
            text += [f"### {stage['stage']}", "```\n" + "\n".join(stage["summary"]) + "\n```"]
    if measured is not None:
        # Its headings one level down.
        text.append(
            re.sub(r"^#", "##", measured.with_suffix(".md").read_text(), flags=re.MULTILINE)
        )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"gpu-{name}.md").write_text("\n\n".join(text).rstrip() + "\n")
    (folder / f"gpu-{name}.json").write_text(json.dumps(record, indent=1) + "\n")
    print(f"written: {folder}/gpu-{name}.md, .json")  # noqa: T201


def lines_of(path: Path) -> list[str]:
    """Lines of a file that may be missing."""
    return path.read_text(errors="replace").splitlines() if path.exists() else []


def read_stage(line: str, work: Path) -> dict[str, object]:
    """One stage: its result, its seconds and what its runners said at the end."""
    stage, code, seconds = line.split("\t")
    result = {"0": "passed", "124": "out of time"}.get(code, f"failed ({code})")
    pattern = re.compile(SUMMARIES[stage])
    # No paths of the machine: they say nothing to a reader elsewhere.
    summary = [
        re.sub(r"/[\w./+-]*/", "", found.strip("= "))
        for found in lines_of(work / "logs" / f"{stage}.log")
        if pattern.search(found)
    ]
    return {"stage": stage, "result": result, "seconds": int(seconds), "summary": summary}


def gpu() -> str:
    """Name, driver and memory of the first GPU, as the driver tells them."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        return f"unknown ({error})"
    return done.stdout.splitlines()[0]


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
