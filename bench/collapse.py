"""How the rule for collapse does on real runs: false stops, and how late a stop comes.

Small networks learn from two views of the 8 x 8 digits of scikit-learn, by the losses of VICReg
(arXiv:2105.04906) and of SimSiam (arXiv:2011.10566). In the healthy runs nothing is taken from the
loss. A run that collapses has no variance and covariance terms, or no stop-gradient and predictor,
from the start or from some step between 100 and 200 on. All are evaluated on held-out digits, in
evaluation mode, at the start and every 15 steps.

When a run has collapsed is told in two ways that have nothing of RankMe:

- the standard deviation of the rows at norm 1, times sqrt(K), falls below 0.05 for good: the check
  of SimSiam's authors; 1 is even in all directions;
- the nearest neighbours of a digit no longer tell what it is: noise of a tenth of a row's length is
  added to all rows, and fewer than a quarter are labelled right by five neighbours, for good. At
  the start seven in ten are, and of rows that are all alike one in ten.

How late a stop is, is counted in evaluations from there; below 0 it came before.
"""
# ruff: noqa: INP001, T201

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

import rankme
from rankme.integrations._collapse import MIN_OF_BEST, MIN_SHARE, MIN_SPREAD, PATIENCE, Alarm
from rankme.integrations._reading import Sight

if TYPE_CHECKING:
    from collections.abc import Iterable

STEPS, EVERY, BATCH = 300, 15, 128
WIDTH = 64
N_TRAIN = 1300
NOISE = 0.1  # of the length of a row
COLLAPSED, BLIND = 0.05, 0.25
RATE = 2e-3

Run: TypeAlias = dict[str, list[list[float]]]


class Kind(NamedTuple):
    """A way to train."""

    loss: str
    norm: bool  # batch normalisation in the hidden layers
    breaks: str | None = None  # when what keeps it from collapsing is taken away
    width: int = WIDTH  # of both layers
    rate: float = RATE


KINDS = {
    "VICReg": Kind("vicreg", norm=False),
    "VICReg, batch norm": Kind("vicreg", norm=True),
    "SimSiam, batch norm": Kind("simsiam", norm=True),
    "VICReg, 16 wide": Kind("vicreg", norm=False, width=16),
    "VICReg, 256 wide": Kind("vicreg", norm=False, width=256),
    "SimSiam, 16 wide": Kind("simsiam", norm=True, width=16),
    "SimSiam, 256 wide": Kind("simsiam", norm=True, width=256),
    "VICReg, a quarter of the rate": Kind("vicreg", norm=False, rate=RATE / 4),
    "VICReg, four times the rate": Kind("vicreg", norm=False, rate=4 * RATE),
    "SimSiam, a quarter of the rate": Kind("simsiam", norm=True, rate=RATE / 4),
    "SimSiam, four times the rate": Kind("simsiam", norm=True, rate=4 * RATE),
    "invariance alone": Kind("vicreg", norm=False, breaks="start"),
    "invariance alone, from midway": Kind("vicreg", norm=False, breaks="midway"),
    "no stop-gradient": Kind("simsiam", norm=True, breaks="start"),
    "no stop-gradient, from midway": Kind("simsiam", norm=True, breaks="midway"),
}


def main() -> None:
    """Train all runs, and print what the rule makes of each kind."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), metavar="KIND")
    parser.add_argument("--runs", type=Path, help="JSON: what is in it is not trained again")
    options = parser.parse_args()
    rankme._core.set_num_threads(1)  # noqa: SLF001
    torch.set_num_threads(1)
    runs: dict[str, dict[str, Run]] = {}
    if options.runs and options.runs.exists():
        runs = json.loads(options.runs.read_text(encoding="utf-8"))
    for seed in range(options.first_seed, options.first_seed + options.seeds):
        for name in options.kinds:
            known = runs.setdefault(name, {})
            if str(seed) not in known:
                known[str(seed)] = trained(KINDS[name], seed)
        if options.runs:
            options.runs.write_text(json.dumps(runs), encoding="utf-8")
    for every, first in ((1, 0), (1, 1), (2, 2)):
        print(f"\nEvery {every * EVERY} steps, the first after {first * EVERY}:\n")
        print(
            "| run | layer | runs | stopped before it broke | stopped "
            "| collapsed by the check | late by | collapsed by neighbours | late by |"
        )
        print("|:--|:--|--:|--:|--:|--:|--:|--:|--:|")
        for name, found in runs.items():
            for layer in ("projector", "backbone"):
                seen = [Seen.of(run, layer, every, first) for run in found.values()]
                print(f"| {name} | {layer} | {len(seen)} | {row(seen)} |")


class Seen(NamedTuple):
    """Evaluations of one run, as places in their order; None where there is none."""

    broken: int | None  # the first after the loss lost what keeps the run from collapsing
    stopped: int | None
    flat: int | None  # collapsed by the check of SimSiam
    blind: int | None  # collapsed by its neighbours

    @classmethod
    def of(cls, run: Run, layer: str, every: int, first: int) -> Seen:
        """Let the rule look at the evaluations of a run, every so many of them."""
        alarm = Alarm(
            min_spread=MIN_SPREAD,
            min_share=MIN_SHARE,
            min_of_best=MIN_OF_BEST,
            patience=PATIENCE,
        )
        seen = run[layer][first::every]
        limit = int(run["width"][0][0])
        told = [
            i
            for i, (score, spread, *_) in enumerate(seen)
            if alarm.see(layer, Sight(score, limit, spread))
        ]
        steps = range(first * EVERY, STEPS + 1, every * EVERY)
        broken = [i for i, step in enumerate(steps) if step > run["breaks"][0][0]]
        return cls(
            broken[0] if broken else None,
            told[0] if told else None,
            since(check < COLLAPSED for _, _, check, _ in seen),
            since(right < BLIND for *_, right in seen),
        )


def since(signs: Iterable[bool]) -> int | None:
    """Return from which place on all signs are true."""
    listed = list(signs)
    fine = [i for i, sign in enumerate(listed) if not sign]
    first = fine[-1] + 1 if fine else 0
    return first if first < len(listed) else None


def row(seen: list[Seen]) -> str:
    """Count what became of runs of one kind."""
    early = sum(one.stopped is not None and is_before(one) for one in seen)
    well = [one for one in seen if one.stopped is not None and not is_before(one)]
    cells = [str(early), str(len(well))]
    for name in ("flat", "blind"):
        there = [one for one in seen if getattr(one, name) is not None]
        late = [one.stopped - getattr(one, name) for one in there if one in well]
        cells += [str(len(there)), f"{min(late)} to {max(late)}" if late else ""]
        cells[-1] += f", {len(there) - len(late)} not" if len(late) < len(there) else ""
    return " | ".join(cells)


def is_before(one: Seen) -> bool:
    """Tell whether a run was stopped that nothing had been taken from."""
    assert one.stopped is not None  # noqa: S101
    return one.broken is None or one.stopped < one.broken


def trained(kind: Kind, seed: int) -> Run:
    """Train one run; return what was found at each evaluation, by layer."""
    torch.manual_seed(seed)
    random = torch.Generator().manual_seed(seed)
    digits = load_digits()
    images = torch.from_numpy(digits.images.astype(np.float32) / 16)
    labels = torch.from_numpy(digits.target)
    train = images[:N_TRAIN]
    noise = torch.randn(len(images), kind.width, generator=random)
    backbone = nn.Sequential(*layers(64, kind), nn.ReLU())
    projector = nn.Sequential(*layers(kind.width, kind))
    predictor = nn.Sequential(nn.Linear(kind.width, 16), nn.ReLU(), nn.Linear(16, kind.width))
    model = nn.Sequential(backbone, projector, predictor)
    optimizer = torch.optim.AdamW(model.parameters(), lr=kind.rate)
    breaks = {None: STEPS, "start": -1, "midway": 100 + 5 * (seed % 20)}[kind.breaks]
    seen: Run = {"backbone": [], "projector": [], "breaks": [[breaks]], "width": [[kind.width]]}
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            with torch.no_grad():
                hidden = backbone.eval()(images.flatten(1))
                out = projector.eval()(hidden)
            seen["backbone"].append(looked_at(hidden, noise, labels))
            seen["projector"].append(looked_at(out, noise, labels))
            model.train()
        rows = train[torch.randint(len(train), (BATCH,), generator=random)]
        a, b = (projector(backbone(view(rows, random))) for _ in range(2))
        loss = LOSSES[kind.loss](a, b, predictor, whole=step < breaks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return seen


def looked_at(every: torch.Tensor, noise: torch.Tensor, labels: torch.Tensor) -> list[float]:
    """Return score, spread, SimSiam's check and what neighbours tell, of what a layer returns."""
    rows = every[N_TRAIN:]
    spectrum = rankme.spectrum(rows)
    squares = spectrum.singular_values**2
    check = rows.shape[1] ** 0.5 * rankme.metrics.unit_std(rows.numpy())
    length = NOISE * rows.norm(dim=1).mean() / rows.shape[1] ** 0.5
    unit = nn.functional.normalize(every + length * noise)
    nearest = labels[(unit[N_TRAIN:] @ unit[:N_TRAIN].T).topk(5).indices]
    right = (nearest.mode().values == labels[N_TRAIN:]).double().mean()
    return [spectrum.rankme(), float(squares[1:].sum() / squares.sum()), check, float(right)]


def layers(width: int, kind: Kind) -> list[nn.Module]:
    """Return two linear layers with what is between them."""
    between = [nn.BatchNorm1d(128), nn.ReLU()] if kind.norm else [nn.ReLU()]
    return [nn.Linear(width, 128), *between, nn.Linear(128, kind.width)]


def view(images: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Shift images by up to a pixel, change their brightness, add noise."""
    n = len(images)
    down, right = torch.randint(0, 3, (2, n, 1, 1), generator=random)
    place = torch.arange(8)
    padded = nn.functional.pad(images, (1, 1, 1, 1))
    moved = padded[torch.arange(n)[:, None, None], down + place[:, None], right + place]
    bright = 0.7 + 0.6 * torch.rand(n, 1, 1, generator=random)
    return (bright * moved + 0.15 * torch.randn(n, 8, 8, generator=random)).flatten(1)


def vicreg(a: torch.Tensor, b: torch.Tensor, _: nn.Module, *, whole: bool) -> torch.Tensor:
    """Return 25 times the invariance; of the whole loss also variance and covariance."""
    loss = 25 * ((a - b) ** 2).mean()
    for z in (a, b) if whole else ():
        centred = z - z.mean(0)
        covariance = centred.T @ centred / (len(z) - 1)
        off = (covariance**2).sum() - (covariance.diagonal() ** 2).sum()
        loss = loss + 12.5 * torch.relu(1 - (z.var(0) + 1e-4).sqrt()).mean() + off / z.shape[1]
    return loss


def simsiam(a: torch.Tensor, b: torch.Tensor, predictor: nn.Module, *, whole: bool) -> torch.Tensor:
    """Return minus the cosine of one view's prediction and the other, held fast."""
    if not whole:
        return -nn.functional.cosine_similarity(a, b).mean()
    pairs = ((predictor(a), b.detach()), (predictor(b), a.detach()))
    return -sum(nn.functional.cosine_similarity(one, other).mean() for one, other in pairs) / 2


LOSSES = {"vicreg": vicreg, "simsiam": simsiam}

if __name__ == "__main__":
    main()
