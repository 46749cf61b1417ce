"""The page of a run, in Markdown."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

__all__ = ["page"]


def page(results: Mapping[str, Any]) -> str:
    """Write all tables of `results_of`."""
    sections = [
        "# Results",
        _how(results),
        "## The published table",
        _published(results["published"]),
        "## The candidates",
        "![Left: RankMe over the width. Right: the weighted tau of each criterion.](results.png)",
        _criteria(results["criteria"]),
        "By horizon and by target, weighted tau:",
        _split(results["criteria"]),
        "Chosen on each target, over all horizons:",
        _chosen(results["criteria"]),
        "## Scores and errors",
        "RankMe with its standard error, over rows and seeds; and log RankMe / log K:",
        _scores(results["scores"]),
        "Squared error of the fine-tuned head on test windows, with its standard error:",
        _errors(results["errors"]),
        "## What `rankme.compare` says",
        f"On the target {next(iter(results['warnings']))}:",
        f"```text\n{results['comparison']}\n```",
        _warnings(results["criteria"]),
    ]
    return "\n\n".join(text for text in sections if text) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table whose first column is text."""
    lines = [head, ["---", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _how(results: Mapping[str, Any]) -> str:
    """Say what made these numbers."""
    told = results["machine"] | results["versions"]
    names = {row["name"].partition("-")[0] for row in results["scores"]}
    option = "" if "fracast" in names else " --no-fracast"
    machine = ", ".join(f"{key} {value}" for key, value in told.items())
    return (
        f"Written by `python -m examples.model_selection{option}`, which took a processor "
        f"{results['seconds'] / 60:.1f} minutes. {machine}.\n\n"
        f"Settings: {', '.join(f'{key} {_plain(v)}' for key, v in results['settings'].items())}."
    )


def _plain(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _tau(one: Mapping[str, Any]) -> list[str]:
    """Write a weighted tau, its interval and its p-value."""
    interval = f"{one['low']:.2f} to {one['high']:.2f}"
    return [f"{one['weighted_tau']:.3f}", interval, f"{one['p_value']:.2g}"]


def _worth(one: Mapping[str, Any]) -> list[str]:
    """Write what a choice was worth."""
    tops = [f"{100 * one['top'][k]:.0f}%" for k in ("1", "2", "3")]
    return [f"{one['regret']:.4f}", f"{one['regret_by_lot']:.4f}", *tops]


def _published(found: Mapping[str, Any]) -> str:
    """Write what the bare width is worth on the published errors."""
    horizons = list(found["width"]["by_horizon"])
    head = ["score", "weighted tau", "95% interval", "p", *[f"at {h}" for h in horizons]]
    head += ["regret", "by lot", "top 1", "top 2", "top 3"]
    rows = [
        [name, *_tau(one), *[f"{one['by_horizon'][h]:.3f}" for h in horizons], *_worth(one)]
        for name, one in (("widest", found["width"]), ("narrowest", found["narrowest"]))
    ]
    return (
        f"{found['n_models']} models, {found['n_cells']} cells; the score is nothing but the width "
        f"of the model.\n\n{_table(head, rows)}\n\n"
        f"With both sides negated, so that the worst models weigh most, the width has "
        f"{found['wrong_direction']:.3f}."
    )


def _criteria(criteria: Mapping[str, Mapping[str, Any]]) -> str:
    """Write a row for each criterion."""
    head = ["criterion", "looks at", "weighted tau", "95% interval", "p", "s.e. over targets"]
    head += ["regret", "by lot", "top 1", "top 2", "top 3", "tau with K"]
    rows = [
        [
            name,
            one["needs"],
            *_tau(one),
            _number(one["std_error_over_targets"]),
            *_worth(one),
            _number(one["kendall_with_width"]),
        ]
        for name, one in criteria.items()
    ]
    return _table(head, rows)


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _split(criteria: Mapping[str, Mapping[str, Any]]) -> str:
    """Write weighted tau by horizon and by target."""
    first = next(iter(criteria.values()))
    head = ["criterion", *first["by_horizon"], *first["by_target"]]
    rows = [
        [name, *[f"{v:.2f}" for v in (*one["by_horizon"].values(), *one["by_target"].values())]]
        for name, one in criteria.items()
    ]
    return _table(head, rows)


def _chosen(criteria: Mapping[str, Mapping[str, Any]]) -> str:
    """Write what each criterion chose."""
    first = next(iter(criteria.values()))
    rows = [
        [name, *[", ".join(n) for n in one["chosen"].values()]] for name, one in criteria.items()
    ]
    return _table(["criterion", *first["chosen"]], rows)


def _scores(scores: Sequence[Mapping[str, Any]]) -> str:
    """Write RankMe of each candidate on each target, from narrow to wide."""
    targets = list(dict.fromkeys(row["target"] for row in scores))
    found = {(row["target"], row["name"]): row for row in scores}
    names = sorted({row["name"] for row in scores}, key=lambda n: (int(n.rpartition("-")[2]), n))
    rows = [
        [
            name,
            *[
                f"{one['rankme']:.1f} ± {one['std_error']:.1f}; {one['normalized']:.2f}"
                for one in (found[target, name] for target in targets)
            ],
        ]
        for name in names
    ]
    return _table(["candidate", *targets], rows)


def _errors(errors: Sequence[Mapping[str, Any]]) -> str:
    """Write the errors of each candidate in each cell."""
    cells = list(dict.fromkeys((row["target"], row["horizon"]) for row in errors))
    found = {(row["target"], row["horizon"], row["name"]): row for row in errors}
    names = sorted({row["name"] for row in errors}, key=lambda n: (int(n.rpartition("-")[2]), n))
    rows = [
        [
            f"{target}, {horizon}",
            *[
                f"{one['truth']:.3f} ± {one['truth_error']:.3f}"
                for one in (found[target, horizon, name] for name in names)
            ],
        ]
        for target, horizon in cells
    ]
    return _table(["target, horizon", *names], rows)


def _warnings(criteria: Mapping[str, Mapping[str, Any]]) -> str:
    """Write what stands against reading much into the agreement."""
    told = dict.fromkeys(text for one in criteria.values() for text in one["warnings"])
    lines = [f"- {text}" for text in told]
    return "\n".join(["What `rankme.agreement` warns of:\n", *lines]) if lines else ""
