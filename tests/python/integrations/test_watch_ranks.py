"""`watch` over real gloo groups: one number on every rank, shares, padding, errors, wrappers."""

import math
import warnings

import numpy as np
import pytest
import torch
from torch import nn

import rankme
from rankme.integrations._observer import Observer
from rankme.integrations.torch import watch
from ranks import on_ranks

N, K = 101, 6
INPUTS = torch.from_numpy(np.random.default_rng(0).standard_normal((N, 5)))


def encoder():
    torch.manual_seed(0)
    layers = {"backbone": nn.Linear(5, K), "norm": nn.BatchNorm1d(K), "projector": nn.Linear(K, 4)}
    model = nn.Sequential()
    for name, layer in layers.items():
        model.add_module(name, layer)
    return model.double().eval()


def loader(rank, world, *, batch_size=8):
    from torch.utils.data import DataLoader, DistributedSampler

    data = torch.utils.data.TensorDataset(INPUTS)
    sampler = DistributedSampler(data, world, rank, shuffle=False)
    return DataLoader(data, batch_size=batch_size, sampler=sampler)


def expected(name="backbone", inputs=INPUTS):
    model = encoder()
    with torch.no_grad():
        return rankme.score(
            (model.backbone(inputs) if name == "backbone" else model(inputs)).numpy()
        )


def watched(rank, world, wrap):
    import torch.distributed as dist

    torch.set_num_threads(1)
    model = wrap(encoder())
    with watch(model, ["backbone", "projector"], n_total=N) as w, torch.no_grad():
        for (batch,) in loader(rank, world):
            model(batch)
    before = w.values()
    if rank == 0:  # no collective call after the end
        assert w.values() == before
    dist.barrier()
    return before


def plain(model):
    return model


def in_ddp(model):
    return nn.parallel.DistributedDataParallel(model)


def sharded(model):
    from torch.distributed.fsdp import fully_shard

    fully_shard(model.backbone)
    return fully_shard(model)


def compiled_ddp(model):
    return torch.compile(in_ddp(model), backend="eager")


@pytest.mark.parametrize("wrap", [plain, in_ddp, compiled_ddp, sharded])
def test_every_rank_has_the_numbers_of_one_process(wrap):
    first, second = on_ranks(2, watched, 2, wrap)
    assert first == second
    for name in ("backbone", "projector"):
        assert first[f"rankme/{name}"] == pytest.approx(expected(name), rel=1e-12)
        assert first[f"rankme/{name}/n_rows"] == N


def with_cap(rank, most):
    observer = Observer(["x", "y"], max_rows=most)
    rows = INPUTS[50 * rank : 50 * rank + 50]
    for batch in rows.split(8):
        observer.take("x", batch)
        if rank == 1:
            observer.take("y", batch)
    found = observer.result()
    return found.values(), observer.is_full


@pytest.mark.parametrize("most", [2, 7, 60])
def test_the_cap_is_over_all_ranks_and_a_rank_may_have_nothing(most):
    first, second = on_ranks(2, with_cap, most)
    assert first[0] == second[0]
    shares = [-(-most // 2), most // 2]
    parts = [INPUTS[50 * i : 50 * i + share] for i, share in enumerate(shares)]
    assert first[0]["rankme/x"] == pytest.approx(rankme.score(torch.cat(parts).numpy()), rel=1e-12)
    assert first[0]["rankme/x/n_rows"] == most
    assert first[0]["rankme/y/n_rows"] == shares[1]


def with_bad_rows(rank):
    observer = Observer(["x"])
    rows = INPUTS[50 * rank : 50 * rank + 50].clone()
    if rank == 1:
        rows[3:5, 2] = math.nan
    observer.take("x", rows)
    bad = observer.result()
    observer.reset()
    observer.take("x", INPUTS[50 * rank : 50 * rank + 50])
    return bad.values(), observer.result().values()


def test_a_row_that_is_not_finite_on_one_rank_is_nan_on_all():
    for bad, good in on_ranks(2, with_bad_rows):
        assert math.isnan(bad["rankme"])
        assert (bad["rankme/n_rows"], bad["rankme/n_skipped"]) == (98, 2)
        assert good["rankme"] == pytest.approx(rankme.score(INPUTS[:100].numpy()), rel=1e-12)


def fails_on_one(rank, how):
    observer = Observer(["x", "y"])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for step in range(3):
            wrong = rank == 1 and step == 1 and how == "width"
            observer.take("x", INPUTS[:, :3] if wrong else INPUTS)
            if how != "missing":
                observer.take("y", INPUTS)
    assert len(caught) == (rank == 1 and how == "width")
    try:
        observer.result()
    except (ValueError, RuntimeError) as error:
        text = f"{type(error).__name__}: {error}"
    observer.reset()  # and the next pass is well
    observer.take("x", INPUTS)
    observer.take("y", INPUTS)
    assert observer.result().values()["rankme/y/n_rows"] == 2 * N
    return text


def test_an_error_of_one_rank_ends_the_pass_on_all():
    first, second = on_ranks(2, fails_on_one, "width")
    assert first.startswith("RuntimeError: rank 1 has nothing that can be reduced: ValueError: ")
    assert "target 'x': rows have width 3, and had 5 before" in first
    assert second.startswith("ValueError: rank 1: target 'x': rows have width 3")


def test_a_target_that_no_rank_has_is_an_error_on_all():
    first, second = on_ranks(2, fails_on_one, "missing")
    assert first == second
    assert first.startswith("ValueError: target 'y' gave no rows in this pass")


def fails_in_ddp(rank):
    pool = (lambda z: z[None]) if rank else None  # makes another shape of it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        model = in_ddp(encoder())  # which sends its buffers in every pass
        with watch(model, "backbone", pool=pool) as w, torch.no_grad():
            for (batch,) in loader(rank, 2):
                model(batch)
    return w.scores()


def test_an_error_within_the_model_of_one_rank_reaches_all():
    first, second = on_ranks(2, fails_in_ddp)
    assert isinstance(first, RuntimeError)
    assert "rank 1 has nothing that can be reduced: ValueError: target 'backbone'" in str(first)
    assert str(second).startswith("rank 1: target 'backbone' returns shape (1, 8, 6)")


def spread(rank):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.tensor import Replicate, Shard, distribute_tensor

    mesh = init_device_mesh("cpu", (2,))
    found = []
    for place in (Shard(0), Replicate()):
        observer = Observer(["x"])
        observer.take("x", distribute_tensor(INPUTS, mesh, [place]))
        found.append(observer.result().values())
    observer = Observer(["x"], pool=lambda output: output.full_tensor()[rank::2])
    observer.take("x", distribute_tensor(INPUTS, mesh, [Shard(1)]))
    found.append(observer.result().values())
    observer = Observer(["x"])
    with pytest.warns(RuntimeWarning, match="is a DTensor placed .*pool=lambda output"):
        observer.take("x", distribute_tensor(INPUTS, mesh, [Shard(1)]))
    return found


def test_rows_of_tensors_that_are_spread_over_ranks_are_counted_once():
    for found in on_ranks(2, spread):
        for values in found:
            assert values["rankme"] == pytest.approx(rankme.score(INPUTS.numpy()), rel=1e-12)
            assert values["rankme/n_rows"] == N
