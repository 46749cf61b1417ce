"""What the study of hyperparameters trains and measures, against slow references."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from examples.ssl_selection.data import Images
from examples.ssl_selection.measure import accuracies, measured, ranks_of, rows_of
from examples.ssl_selection.networks import (
    Network,
    loss_of,
    normalized,
    simclr_loss,
    two_views,
    vicreg_loss,
    views,
)
from examples.ssl_selection.protocol import FULL, SMALL, UNTRAINED, Setting
from examples.ssl_selection.train import DivergedError, trained
from scipy.special import logsumexp

import rankme

TINY = dataclasses.replace(SMALL, images=64, epochs=1, curve=(64,), lidar_images=20)


def images(n, seed=0):
    """Make images of bars whose place is their label."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 10
    pixels = rng.random((n, 28, 28), np.float32) * 0.2
    for i, label in enumerate(labels):
        pixels[i, 2 * label + 2 : 2 * label + 6, 4:24] += 0.7
    return Images(pixels, labels)


def test_the_protocol_has_72_runs():
    """Three sweeps of eight values; one setting is in two of them, and one is untrained."""
    assert [len(sweep.settings) for sweep in FULL.sweeps] == [8, 8, 8]
    assert len(FULL.settings) * len(FULL.seeds) == 72
    assert len({setting.name for setting in FULL.settings}) == 24
    shared = [set(sweep.settings.values()) for sweep in FULL.sweeps[:2]]
    assert shared[0] & shared[1] == {Setting("simclr")}


def test_the_digest_tells_protocols_apart():
    longer = dataclasses.replace(FULL, epochs=21)
    assert len({FULL.digest, SMALL.digest, longer.digest}) == 3
    assert dataclasses.replace(longer, epochs=FULL.epochs).digest == FULL.digest
    # Runs of fewer seeds are runs of the same protocol: a study may end early, or go on.
    assert dataclasses.replace(FULL, seeds=(0, 1)).digest == FULL.digest


def test_simclr_is_the_loss_of_its_paper():
    rows = np.random.default_rng(0).standard_normal((12, 5))
    unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    losses = []
    for i in range(12):
        j = (i + 6) % 12
        others = [unit[i] @ unit[k] / 0.3 for k in range(12) if k != i]
        losses.append(logsumexp(others) - unit[i] @ unit[j] / 0.3)
    assert float(simclr_loss(torch.from_numpy(rows), 0.3)) == pytest.approx(np.mean(losses))


def test_vicreg_is_the_loss_of_its_paper():
    rows = 0.5 * np.random.default_rng(0).standard_normal((12, 5))
    a, b = rows[:6], rows[6:]
    wanted = 25 * np.mean((a - b) ** 2)
    for half in (a, b):
        covariance = np.cov(half.T)
        std = np.sqrt(np.diag(covariance) + 1e-4)
        wanted += 12.5 * np.mean(np.maximum(0, 1 - std))
        wanted += 3 * (np.sum(covariance**2) - np.sum(np.diag(covariance) ** 2)) / 5
    assert float(vicreg_loss(torch.from_numpy(rows), 3)) == pytest.approx(wanted)


def test_a_setting_chooses_its_loss():
    rows = torch.randn(12, 5, generator=torch.Generator().manual_seed(0))
    assert loss_of(Setting("simclr", temperature=0.7))(rows) == simclr_loss(rows, 0.7)
    assert loss_of(Setting("vicreg", covariance=7))(rows) == vicreg_loss(rows, 7)
    with pytest.raises(ValueError, match="'untrained' is not trained"):
        loss_of(UNTRAINED)


def test_views_stay_inside_the_image():
    """A crop that left it would bring in zeros, which no contrast makes of 0.5."""
    random = torch.Generator().manual_seed(0)
    seen = views(torch.full((500, 28, 28), 0.5), random)
    assert float(seen.min()) > 0.5 * 0.6 - 0.1 - 0.3
    assert float(seen.max()) < 0.5 * 1.4 + 0.1 + 0.3
    means = seen.mean(dim=(1, 2))
    assert float(means.min()) > 0.19
    assert 0.1 < float(means.std()) < 0.2  # contrast and brightness are drawn for each


def test_two_views_are_pairs_and_repeatable():
    pixels = torch.from_numpy(images(40).pixels)
    first, again = (two_views(pixels, torch.Generator().manual_seed(3)) for _ in range(2))
    assert first.shape == (80, 1, 28, 28)
    assert torch.equal(first, again)
    assert not torch.equal(first[:40], first[40:])
    # A view is nearer to the other one of its image than to those of other bars.
    distance = torch.cdist(first[:40].flatten(1), first[40:].flatten(1))
    assert distance.diagonal().mean() < distance.mean()


def test_rows_are_those_of_the_network():
    network = Network(TINY)
    pixels = torch.from_numpy(images(30).pixels)
    with pytest.raises(ValueError, match="evaluation mode"):
        rows_of(network, pixels)
    rows = rows_of(network.eval(), pixels)
    assert rows["backbone"].shape == (30, 64)
    assert rows["projector"].shape == (30, 16)
    with torch.no_grad():
        backbone = network.backbone(normalized(pixels[7:8]))
    np.testing.assert_allclose(rows["backbone"][7:8], backbone.numpy(), rtol=1e-4, atol=1e-6)


def test_training_is_repeatable_and_learns():
    pixels = torch.from_numpy(images(64).pixels)
    longer = dataclasses.replace(TINY, epochs=6)
    network, losses = trained(Setting("simclr"), 1, pixels, longer)
    again, same = trained(Setting("simclr"), 1, pixels, longer)
    other, _ = trained(Setting("simclr"), 2, pixels, longer)
    assert losses == same
    assert len(losses) == 6
    assert losses[-1] < losses[0]
    weights, repeated, others = (
        one.projector[0].weight.detach() for one in (network, again, other)
    )
    assert torch.equal(weights, repeated)
    assert not torch.equal(weights, others)
    assert not network.training


def test_the_untrained_network_has_first_weights_and_statistics():
    pixels = torch.from_numpy(images(64).pixels)
    network, losses = trained(UNTRAINED, 5, pixels, TINY)
    torch.manual_seed(5)
    first = Network(TINY)
    assert losses == []
    assert torch.equal(network.projector[0].weight, first.projector[0].weight)
    # With them its outputs are normalised: without, the mean would be nearly all there is.
    with torch.inference_mode():
        hidden = network.projector[:2](network.backbone(normalized(pixels)))
    assert float(hidden.mean(dim=0).abs().mean()) < 0.5
    assert 0.5 < float(hidden.std(dim=0).mean()) < 1.5


def test_a_loss_that_is_not_finite_ends_a_run():
    pixels = torch.from_numpy(images(64).pixels)
    pixels[3, 3, 3] = math.inf
    with pytest.raises(DivergedError, match="not finite in epoch 1"):
        trained(Setting("vicreg"), 0, pixels, TINY)


def test_ranks_are_those_of_rankme():
    rows = np.random.default_rng(0).standard_normal((64, 16)).astype(np.float32)
    found = ranks_of(rows, TINY)
    assert found["score"] == pytest.approx(rankme.score(rows), rel=1e-12)
    assert (found["n_rows"], found["n_cols"], len(found["left_out"])) == (64, 16, TINY.groups)


def test_classifiers_learn_from_one_part_and_are_examined_by_another():
    """Rows that tell the label are classified; rows that tell it of themselves only are not."""
    labels = np.repeat(np.arange(10), 20)
    telling = np.eye(10, dtype=np.float32)[labels] + 0.01
    noise = np.random.default_rng(0).standard_normal((200, 10)).astype(np.float32)
    sets = {name: Images(np.empty(0), labels) for name in ("fashion", "fashion-test", "mnist")}
    rows = {
        "fashion": {"backbone": telling},
        "fashion-test": {"backbone": telling},
        "mnist": {"backbone": noise},
    }
    found = accuracies(rows, sets, TINY)
    assert found.keys() == {"fashion-test", "mnist"}
    assert found["fashion-test"] == {"probe": 1.0, "knn": 1.0}
    # 10 classes: one in ten by chance, five standard deviations allowed.
    assert all(accuracy < 0.21 for accuracy in found["mnist"].values())


@pytest.mark.filterwarnings("ignore::rankme.PrecisionWarning")  # few rows
def test_all_is_measured():
    sets = {"fashion": images(64), "fashion-test": images(60, 1), "mnist": images(60, 2)}
    network, _ = trained(Setting("vicreg"), 0, torch.from_numpy(sets["fashion"].pixels), TINY)
    found = measured(network, sets, TINY)
    rows = rows_of(network, torch.from_numpy(sets["fashion"].pixels))
    for tap in ("backbone", "projector"):
        assert found["ranks"][tap].keys() == sets.keys()
        spectrum = rankme.spectrum(rows[tap])
        rivals = found["rivals"][tap]
        assert found["ranks"][tap]["fashion"]["score"] == pytest.approx(spectrum.rankme(), rel=1e-9)
        assert rivals["stable_rank"] == spectrum.stable_rank()
        assert rivals["participation_ratio"] == spectrum.participation_ratio()
        assert rivals["alpha_req"] == rankme.spectrum(rows[tap], center=True).alpha_req()
        assert 1 <= rivals["lidar"] <= 20
        assert found["curve"][tap]["scores"] == [pytest.approx(spectrum.rankme())]
