"""The tables, in Markdown."""

from __future__ import annotations

from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["page"]

Summary = dict[str, Any]
_MAIN = "fashion-test, probe"
_NONE = 1e-9  # of a regret: that of a choice that ties with the best


def page(summary: Summary, comparisons: dict[str, str]) -> str:
    """Write all tables, sweep by sweep, then those over all sweeps."""
    parts = [
        "# Results",
        _origin(summary),
        "## In short",
        _short(summary),
        "## Rivals",
        _rivals(summary),
        "## What a choice has lost",
        _losses(summary),
        "## Every cell",
        _cells(summary),
        "## Orders",
        _orders(summary),
    ]
    for sweep in summary["sweeps"]:
        parts += [f"## {sweep['title']}", _settings(sweep, summary["untrained"])]
        parts += [f"```text\n{comparisons[sweep['name']]}\n```", _spread(sweep)]
    parts += ["## Ranks of targets", _targets(summary), "## Number of rows", _rows(summary)]
    return "\n\n".join(parts) + "\n"


def _origin(summary: Summary) -> str:
    """Say where the numbers are from, and in which unit."""
    machine = summary["machines"][0]
    return (
        f"{summary['n_runs']} runs of protocol {summary['protocol']['digest']}, at commit "
        f"{', '.join(summary['commits'])}, on {machine['cores']} cores of {machine['processor']}: "
        f"{summary['hours']:.2f} hours of runs, {summary['processor_hours']:.2f} hours of "
        f"processor time. Python {machine['python']}, PyTorch {machine['torch']}. Written by "
        f"`python -m examples.ssl_selection --report-only`; not edited.\n\n"
        f"Diverged: {', '.join(summary['diverged']) or 'none'}.\n\n"
        "Accuracies and regrets are in points of per cent. ± is one standard error over seeds, "
        "unless another is named. RankMe is of the projector unless a table says otherwise."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """Lay out a table; the first columns are texts, the others numbers."""
    rule = ["---"] * left + ["--:"] * (len(head) - left)
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, rule, *rows))


def _mean(values: Sequence[float], digits: int = 1) -> str:
    """Write a mean over seeds with its standard error."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{fmean(values):.{digits}f} ± {stdev(values) / len(values) ** 0.5:.{digits}f}"


def _regret(loss: dict[str, Any]) -> str:
    """Write the regret of a choice; of the best one there is no error."""
    if loss["regret"] < _NONE:
        return "0"
    return f"{loss['regret']:.2f} ± {loss['error']:.2f}"


def _interval(coefficient: dict[str, Any]) -> str:
    """Write a coefficient with its 95% interval."""
    if coefficient["value"] is None:
        return "-"
    if coefficient["low"] is None:
        return f"{coefficient['value']:.2f}"
    return f"{coefficient['value']:.2f} [{coefficient['low']:.2f}, {coefficient['high']:.2f}]"


def _short(summary: Summary) -> str:
    """Show RankMe's choices, a line a sweep."""
    rows = []
    for sweep in summary["sweeps"]:
        criterion = sweep["criteria"][0]
        losses = [*criterion["losses"].values()]
        loss = criterion["losses"][_MAIN]
        gains = [
            fmean(one["random_by_seed"][seed] - one["by_seed"][seed] for one in losses)
            for seed in range(len(loss["by_seed"]))
        ]
        rows.append(
            [
                sweep["title"],
                loss["chosen"],
                loss["oracle"],
                _regret(loss),
                f"{loss['gain']:.2f} ± {loss['gain_error']:.2f}",
                f"{fmean(one['regret'] for one in losses):.2f}",
                f"{fmean(one['gain'] for one in losses):.2f}",
                _mean(gains, 2),
                _interval(criterion["main"]["kendall"]),
            ]
        )
    head = ["sweep", "RankMe chose", "best", "regret", "gain over lot", "regret, mean of six"]
    head += ["gain, mean of six", "the same with one seed", "Kendall"]
    return (
        "Of RankMe of the projector. Regret, gain and Kendall: linear probe on Fashion-MNIST's "
        "test images. Mean of six: over both classifiers on three sets. With one seed, one chooses "
        f"and is judged by that seed: mean over seeds.\n\n{_table(head, rows, 3)}"
    )


def _rivals(summary: Summary) -> str:
    """Show the regret of each criterion, in the mean over the six cells."""
    sweeps = summary["sweeps"]
    rows = []
    for i, criterion in enumerate(sweeps[0]["criteria"]):
        losses = [sweep["criteria"][i]["losses"].values() for sweep in sweeps]
        means = [f"{fmean(loss['regret'] for loss in some):.2f}" for some in losses]
        rows.append([f"{criterion['name']}, {criterion['tap']}", *means])
    lots = [
        fmean(loss["random"] for loss in sweep["criteria"][0]["losses"].values())
        for sweep in sweeps
    ]
    rows.append(["**by lot**", *(f"{lot:.2f}" for lot in lots)])
    return _table(["regret, mean of six", *(sweep["title"] for sweep in sweeps)], rows)


def _losses(summary: Summary) -> str:
    """Show what each criterion has chosen by, in the main cell."""
    rows = []
    for sweep in summary["sweeps"]:
        for i, criterion in enumerate(sweep["criteria"]):
            loss = criterion["losses"][_MAIN]
            rows.append(
                [
                    sweep["title"] if i == 0 else "",
                    f"{criterion['name']}, {criterion['tap']}",
                    loss["chosen"],
                    _regret(loss),
                    _mean(loss["by_seed"], 2),
                ]
            )
        first = sweep["criteria"][0]["losses"][_MAIN]
        rows.append(
            [
                "",
                "**by lot**",
                "",
                f"{first['random']:.2f} ± {first['error'] / 2**0.5:.2f}",
                _mean(first["random_by_seed"], 2),
            ]
        )
        rows.append(["", "**with labels**", first["oracle"], "0", "0"])
    text = _table(["sweep", "criterion", "chosen", "regret", "regret with one seed"], rows, 3)
    return (
        "Linear probe on Fashion-MNIST's test images. The choice is by means over seeds, and its "
        "error is that of the difference of two settings' means. With one seed, one chooses and is "
        f"judged by that seed: mean over seeds.\n\n{text}"
    )


def _cells(summary: Summary) -> str:
    """Show the regret in every cell."""
    cells = list(summary["sweeps"][0]["criteria"][0]["losses"])
    rows = []
    for sweep in summary["sweeps"]:
        for i, criterion in enumerate(sweep["criteria"]):
            losses = [criterion["losses"][cell] for cell in cells]
            rows.append(
                [
                    sweep["title"] if i == 0 else "",
                    f"{criterion['name']}, {criterion['tap']}",
                    *(f"{loss['regret']:.2f}" for loss in losses),
                    f"{fmean(loss['regret'] for loss in losses):.2f}",
                ]
            )
        first = [sweep["criteria"][0]["losses"][cell] for cell in cells]
        lots = [loss["random"] for loss in first]
        rows.append(["", "**by lot**", *(f"{lot:.2f}" for lot in lots), f"{fmean(lots):.2f}"])
        errors = [loss["error"] for loss in first]
        rows.append(["", "*error of a regret*", *(f"{error:.2f}" for error in errors), ""])
    return _table(["regret in", "criterion", *cells, "mean"], rows, 2)


def _orders(summary: Summary) -> str:
    """Show how far orders agree."""
    rows = [
        [
            sweep["title"] if i == 0 else "",
            f"{criterion['name']}, {criterion['tap']}",
            _interval(criterion["main"]["kendall"]),
            _interval(criterion["main"]["spearman"]),
            _interval(criterion["all"]["kendall"]),
            _interval(criterion["all"]["weighted_tau"]),
        ]
        for sweep in summary["sweeps"]
        for i, criterion in enumerate(sweep["criteria"])
    ]
    head = ["sweep", "criterion", f"Kendall, {_MAIN}", f"Spearman, {_MAIN}"]
    head += ["Kendall, mean of six", "weighted tau, mean of six"]
    return f"With 95% intervals over settings.\n\n{_table(head, rows, 2)}"


def _settings(sweep: dict[str, Any], untrained: dict[str, Any]) -> str:
    """Show ranks and accuracies of a sweep's settings."""
    settings = {**sweep["settings"], "untrained": untrained}
    cells = list(untrained["accuracy"])
    rows = [
        [
            label,
            _mean(one["rank"]),
            _mean(one["backbone_rank"]),
            *(_mean(one["accuracy"][cell]) for cell in cells),
        ]
        for label, one in settings.items()
    ]
    return _table(["value", "RankMe", "RankMe, backbone", *cells], rows)


def _spread(sweep: dict[str, Any]) -> str:
    """Say how much of the variance is that of seeds."""
    return (
        f"Of the variance over all runs of this sweep, seeds make "
        f"{sweep['rank_share_of_seeds']:.1%} in RankMe and "
        f"{sweep['accuracy_share_of_seeds']:.1%} in the accuracy of the probe ({_MAIN}). One more "
        f"seed moves the latter by {sweep['seed_spread'][_MAIN]:.2f} points (standard deviation)."
    )


def _targets(summary: Summary) -> str:
    """Show ranks of targets against those of the source."""
    titles = {sweep["name"]: sweep["title"] for sweep in summary["sweeps"]}
    rows = [
        [
            titles[row["sweep"]],
            row["target"],
            f"{row['target_rows']:,}, {row['source_rows']:,}",
            _interval(row["pearson"]),
            _interval(row["kendall"]),
            _regret(row["by_source"]),
            _regret(row["by_target"]),
        ]
        for row in summary["targets"]
    ]
    head = ["sweep", "target", "rows of target, source", "Pearson", "Kendall"]
    head += ["regret by source", "regret by target"]
    return (
        "RankMe of the target's images against RankMe of the source's, over settings, and what "
        f"the linear probe on the target loses by choosing with either.\n\n{_table(head, rows, 2)}"
    )


def _rows(summary: Summary) -> str:
    """Show what fewer rows would have done."""
    titles = {sweep["name"]: sweep["title"] for sweep in summary["sweeps"]}
    rows = [
        [
            titles[row["sweep"]],
            f"{row['rows']:,}",
            f"{row['share']:.3f}",
            f"{row['relative_error']:.2%}",
            f"{row['kendall']['value']:.2f}" if row["kendall"]["value"] is not None else "-",
            row["loss"]["chosen"],
            _regret(row["loss"]),
        ]
        for row in summary["rows"]
    ]
    head = ["sweep", "rows", "of the score of all rows", "sampling error"]
    head += ["Kendall with all rows", "chosen", "regret"]
    return _table(head, rows)
