"""The results as JSON, as a page of tables and as a figure."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.ticker import MaxNLocator

__all__ = ["page", "write"]

MAIN_PROBE = "paper"


def write(results: Mapping[str, Any], folder: Path, name: str) -> None:
    """Write ``NAME.json``, ``NAME.md`` and ``NAME.png`` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    (folder / f"{name}.md").write_text(page(results, name), encoding="utf-8")
    plot(results, folder / f"{name}.png")


def page(results: Mapping[str, Any], name: str) -> str:
    """Return the tables in Markdown."""
    parts = [
        f"# {results['model']} on {results['questions']}",
        "Made by `python -m examples.hallucination`; [what is done](../README.md).",
        "\n".join(f"- {key}: {value}" for key, value in results["machine"].items()),
        "\n".join(f"- {key}: {value}" for key, value in results["settings"].items()),
        _kinds(results["kinds"]),
        f"![AUROC of a probe of each layer, and RankMe of the layer]({name}.png)",
        _layers(results["layers"]),
    ]
    if results.get("detection"):
        parts.append(_detection(results["detection"]))
    return "\n\n".join(parts) + "\n"


def _table(heading: list[str], rows: list[list[str]]) -> str:
    """Return a table whose first column is text."""
    lines = [heading, ["---", *["--:"] * (len(heading) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _pair(value: float, error: float) -> str:
    """Return a number with its standard error."""
    return f"{value:.3f} ± {error:.3f}"


def _kinds(kinds: Mapping[str, Mapping[str, float]]) -> str:
    """Return how many questions of each kind there are, and how many are answered rightly."""
    rows = [[name, str(one["n"]), f"{one['share_right']:.2f}"] for name, one in kinds.items()]
    return "## Questions\n\n" + _table(["kind", "n", "right"], rows)


def _layers(layers: Mapping[str, Any]) -> str:
    """Return the curve of every layer, and what each rule's choice loses."""
    probes = layers["probes"]
    curves = {name: probe["curve"] for name, probe in probes.items()}
    rows = []
    for at, one in enumerate(next(iter(curves.values()))):
        areas = [_pair(c[at]["auroc"], c[at]["auroc_std_error"]) for c in curves.values()]
        alike = _pair(one["within"], one["within_std_error"])
        rank = _pair(one["rankme"], one["rankme_std_error"])
        rows.append([str(one["layer"]), rank, *areas, alike])
    heading = ["layer", "RankMe", *(f"AUROC, {name}" for name in curves)]
    curve = _table([*heading, f"within kinds, {next(iter(curves))}"], rows)
    rules = []
    for name, probe in probes.items():
        lost = [_pair(one["regret"], one["std_error"]) for one in probe["rules"].values()]
        random = _pair(probe["random"]["regret"], probe["random"]["std_error"])
        tau = probe["agreement"]["weighted_tau"]
        interval = f"{tau['value']:.2f} [{tau['low']:.2f}, {tau['high']:.2f}]"
        rules.append([name, str(probe["best_layer"]), *lost, random, interval])
    names = list(next(iter(probes.values()))["rules"])
    choices = _table(["probe", "best layer", *names, "by lot", "weighted tau"], rules)
    chosen = next(iter(probes.values()))["rules"]["RankMe"]["layers"]
    kind = layers["kind_alone"]
    return (
        f"## Layers\n\n{layers['n_answers']} answers, {layers['share_right']:.1%} right; "
        f"{layers['n_splits']} splits, a third of the subjects tested. RankMe is of all rows, "
        "with its jackknife error over questions; errors of AUROC are over splits "
        "(Nadeau and Bengio). A judge that knows only the kind of each question has an AUROC of "
        f"{_pair(kind['auroc'], kind['std_error'])}.\n\n{curve}\n\n"
        "What the layer chosen by a rule loses against the best one, in AUROC; layer 0 is not "
        f"chosen from. RankMe chose layer {', '.join(map(str, sorted(set(chosen))))}.\n\n{choices}"
    )


def _detection(detection: Mapping[str, Any]) -> str:
    """Return a table of scores for each label."""
    parts = []
    parts.append(
        f"## Questions one by one\n\n{detection['n_questions']} questions, "
        f"{detection['n_samples']} samples each; of {detection['share_with_one_answer']:.1%} all "
        "samples are one answer, and these tie. AUROC with DeLong's standard error; over pairs "
        "within a kind; and the difference to the number of distinct answers, with its bootstrap "
        "error."
    )
    for label, one in detection["labels"].items():
        rows = [
            [
                name,
                _pair(score["auroc"], score["std_error"]),
                f"{score['within_kinds']:.3f}",
                _pair(score["difference"], score["difference_error"]),
            ]
            for name, score in one["scores"].items()
        ]
        heading = ["score", "AUROC", "within kinds", "less distinct answers"]
        parts.append(
            f"Wrong: {label} ({one['share_wrong']:.1%}). The kind alone: "
            f"{one['kind_alone']:.3f}.\n\n{_table(heading, rows)}"
        )
    return "\n\n".join(parts)


def plot(results: Mapping[str, Any], path: Path) -> None:
    """Draw AUROC and RankMe over the layers."""
    figure, (above, below) = plt.subplots(2, 1, figsize=(7, 6), sharex=True, layout="constrained")
    for number, (name, probe) in enumerate(results["layers"]["probes"].items()):
        curve = probe["curve"]
        layers = [one["layer"] for one in curve]
        areas = [one["auroc"] for one in curve]
        errors = [one["auroc_std_error"] for one in curve]
        beside = [layer + 0.12 * (number - 1.5) for layer in layers]  # or bars hide bars
        above.errorbar(beside, areas, yerr=errors, marker="o", ms=3, capsize=2, label=name)
    kind = results["layers"]["kind_alone"]["auroc"]
    above.axhline(kind, color="grey", ls="--", lw=1, label="kind of the question alone")
    above.set(ylabel="AUROC of the probe")
    figure.legend(loc="outside lower center", ncols=3, fontsize="small")
    below.errorbar(
        layers,
        [one["rankme"] for one in curve],
        yerr=[one["rankme_std_error"] for one in curve],
        marker="o",
        ms=3,
        capsize=2,
        color="black",
    )
    below.xaxis.set_major_locator(MaxNLocator(integer=True))
    below.set(xlabel="layer (0: the embeddings)", ylabel="RankMe of the rows")
    figure.suptitle(f"{results['model']}, {results['layers']['n_answers']} answers")
    figure.savefig(path, dpi=130)
    plt.close(figure)
