"""torch.distributed over gloo: the score of one process on every rank, with real processes."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import elastic_job
import rankme
from engines import REPETITIONS, assert_same, embeddings, one_process
from helpers import ROOT, bits
from rankme.distributed import torch as rankme_torch
from ranks import on_ranks


def rows_of_rank(z, rank, world_size):
    """Uneven shares, of which the last is empty where there is more than one rank."""
    if world_size == 1:
        return z
    cuts = np.cumsum([len(z) // (3 * (rank + 1)) for rank in range(world_size - 2)])
    return np.split(z, [*cuts, len(z)])[rank]


def reduce_rows(rank, world_size, z, settings):
    acc = rankme.Accumulator(z.shape[1], **settings)
    own = rows_of_rank(z, rank, world_size)
    for start in range(0, len(own), 100):
        acc.update(own[start : start + 100])
    before = bits(acc)
    total = rankme_torch.all_reduce(acc)
    assert bits(acc) == before
    # A second reduction starts from the rank's own rows again.
    assert bits(rankme_torch.all_reduce(acc)) == bits(total)
    return total


def reduce_several(rank, world_size, matrices, settings):
    return [reduce_rows(rank, world_size, z, settings) for z in matrices]


@pytest.mark.parametrize("world_size", [1, 2, 3, 5])
def test_every_rank_has_the_score_of_one_process(world_size):
    matrices = [embeddings(2_000, n_cols) for n_cols in (1, 7, 300)]
    by_rank = on_ranks(world_size, reduce_several, world_size, matrices, {})
    for z, totals in zip(matrices, zip(*by_rank, strict=True), strict=True):
        assert_same(totals[0], one_process(z))
        assert all(bits(total) == bits(totals[0]) for total in totals)


def test_settings_are_kept():
    z = embeddings(500, 20)
    settings = {"normalize": True, "seed": 2**64 - 3}
    totals = on_ranks(3, reduce_rows, 3, z, settings)
    assert_same(totals[0], one_process(z, **settings))
    assert all(bits(total) == bits(totals[0]) for total in totals)


def reduce_scaled(rank, scales):
    z = embeddings(300, 12, seed=rank).astype(np.float64)
    own = [one_process(z * by_rank[rank]) for by_rank in scales]
    return own, [rankme_torch.all_reduce(acc) for acc in own]


def test_scales_are_brought_together():
    scales = [(1e200, 1e200), (1e-200, 1e-200), (1e200, 1.0), (1e-200, 1e200), (0.0, 1e-200)]
    (first, totals), (second, also) = on_ranks(2, reduce_scaled, scales)
    for mine, yours, total, same in zip(first, second, totals, also, strict=True):
        assert bits(total) == bits(same)
        assert_same(total, mine + yours)
        for center in (False, True):
            assert total.score(center=center) == pytest.approx(
                (mine + yours).score(center=center), rel=1e-12
            )


def reduce_too_many(_rank):
    acc = rankme.Accumulator(2)
    acc.update(np.eye(2))
    for _ in range(61):
        acc += acc
    return rankme_torch.all_reduce(acc)


def test_more_rows_than_can_be_counted_are_an_error_on_every_rank():
    for error in on_ranks(2, reduce_too_many):
        assert isinstance(error, OverflowError)
        assert "more than 2^63 - 1 rows" in str(error)


def reduce_shards(rank, by_rank):
    acc = rankme.Accumulator(3)
    for shard in by_rank[rank]:
        acc.update(np.eye(3), shard=shard)
    own = acc.shards
    try:
        return rankme_torch.all_reduce(acc).shards
    finally:
        assert acc.shards == own


def test_the_shards_of_all_ranks_come_together():
    by_rank = [["a", "b"], [], ["c", "d\u00e9j\u00e0 \udcff", "c"]]
    total = {"a": 3, "b": 3, "c": 6, "d\u00e9j\u00e0 \udcff": 3}
    assert on_ranks(3, reduce_shards, by_rank) == [total] * 3


def test_a_shard_on_two_ranks_is_an_error_on_every_rank():
    for error in on_ranks(3, reduce_shards, [["a", "b"], ["c"], ["b"]]):
        assert isinstance(error, ValueError)
        assert "both hold rows of shard 'b' (3 and 3)" in str(error)


def reduce_tagged(rank, steps):
    acc = rankme.Accumulator(4, tags={"model": "vit", "step": steps[rank]})
    acc.update(np.eye(4), ids=np.arange(4 * rank, 4 * rank + 4))
    total = rankme_torch.all_reduce(acc)
    return total.tags, total.fingerprint


def test_tags_and_ids_are_those_of_all_ranks():
    first, second, third = on_ranks(3, reduce_tagged, [7, 7, 7])
    assert first == second == third
    assert first[0] == {"model": "vit", "step": 7}
    merged = rankme.Accumulator(4)
    for rank in range(3):
        part = rankme.Accumulator(4)
        part.update(np.eye(4), ids=np.arange(4 * rank, 4 * rank + 4))
        merged += part
    assert first[1] == merged.fingerprint
    for error in on_ranks(2, reduce_tagged, [7, 8]):
        assert isinstance(error, ValueError)
        assert "tag 'step' is 7 here and 8" in str(error)


def with_bad_rows(rank):
    acc = rankme.Accumulator(3, skip_nonfinite=True)
    z = np.eye(3)[np.arange(9) % 3]
    z[: rank + 1] = np.nan
    acc.update(z, shard=f"part-{rank}")
    total = rankme_torch.all_reduce(acc)
    return total.n_rows, total.n_skipped, total.shards, total._state().skipped.shards


def test_rows_that_were_left_out_are_counted_over_all_ranks():
    kept, skipped = {"part-0": 8, "part-1": 7}, {"part-0": 1, "part-1": 2}
    assert on_ranks(2, with_bad_rows) == [(15, 3, kept, skipped)] * 2


def no_rows(_rank):
    return rankme_torch.all_reduce(rankme.Accumulator(3))


def test_no_rows_at_all():
    for total in on_ranks(2, no_rows):
        assert total.n_rows == 0
        with pytest.raises(ValueError, match="no rows"):
            total.score()


def mismatched(rank, cases):
    messages = []
    for other, _ in cases:
        acc = rankme.Accumulator(**(other if rank else {"dim": 4}))
        with pytest.raises(ValueError, match="differs among the ranks") as caught:
            rankme_torch.all_reduce(acc)
        messages.append(str(caught.value))
    # The group can still be used.
    acc = rankme.Accumulator(2)
    acc.update(np.eye(2))
    assert rankme_torch.all_reduce(acc).n_rows == 4
    return messages


def test_what_does_not_fit_is_an_error_on_every_rank():
    cases = [
        (
            {"dim": 5},
            r"dim of the accumulators .* ranks: 4 \(rank 0\) and 5 \(rank 1\)",
        ),
        (
            {"dim": 4, "normalize": True},
            r"normalize of .*: False \(rank 0\) and True \(rank 1\)",
        ),
        ({"dim": 4, "seed": 1}, "seed of the accumulators differs among the ranks: 0 .*"),
        ({"dim": 4, "seed": 2**32}, "seed of the accumulators differs among the ranks: 0 .*"),
    ]
    for messages in on_ranks(2, mismatched, cases):
        for message, (_, text) in zip(messages, cases, strict=True):
            assert re.fullmatch(text, message)


def one_is_wrong(rank, wrong):
    acc = rankme.Accumulator(4)
    acc.update(np.eye(4))
    if rank == 1:
        acc = rankme.Accumulator(4, method="qr") if wrong == "qr" else None
    return rankme_torch.all_reduce(acc)


@pytest.mark.parametrize(("wrong", "error"), [("qr", ValueError), ("None", TypeError)])
def test_a_rank_that_cannot_take_part_fails_everywhere(wrong, error):
    first, second, third = on_ranks(3, one_is_wrong, wrong)
    assert isinstance(second, error)
    for other in (first, third):
        assert isinstance(other, RuntimeError)
        assert "rank 1 has nothing that can be reduced" in str(other)


def in_a_group(rank):
    import torch.distributed as dist

    group = dist.new_group([0, 2])
    acc = rankme.Accumulator(3)
    acc.update(np.full((rank + 1, 3), rank + 1.0))
    return rankme_torch.all_reduce(acc, group=group).n_rows


def test_a_group_of_some_ranks():
    first, second, third = on_ranks(3, in_a_group)
    assert (first, third) == (4, 4)
    assert isinstance(second, ValueError)
    assert "no member of group" in str(second)


def one_dies(rank, *, late):
    acc = rankme.Accumulator(4)
    acc.update(np.eye(4))
    if rank == 1:
        if late:
            rankme_torch.all_reduce(acc)
        os.kill(os.getpid(), signal.SIGKILL)
    start = time.monotonic()
    try:
        rankme_torch.all_reduce(acc)
        rankme_torch.all_reduce(acc)
    except RuntimeError:
        return time.monotonic() - start, acc.n_rows


@pytest.mark.parametrize("late", [False, True])
def test_a_dead_rank_is_an_error_and_no_hang(late):
    first, second, third = on_ranks(3, one_dies_late if late else one_dies_early)
    assert second is None
    for seconds, n_rows in (first, third):
        assert seconds < 30
        assert n_rows == 4


def one_dies_early(rank):
    return one_dies(rank, late=False)


def one_dies_late(rank):
    return one_dies(rank, late=True)


def sampled(_rank, z, shuffle):
    import torch
    from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

    dataset = TensorDataset(torch.from_numpy(z))
    sampler = DistributedSampler(dataset, shuffle=shuffle, seed=3)
    loader = DataLoader(dataset, batch_size=4, sampler=sampler)
    acc = rankme.Accumulator(z.shape[1])
    blocks = (batch.numpy() for (batch,) in loader)
    for block in rankme_torch.drop_padding(blocks, n_total=len(dataset)):
        acc.update(block)
    return len(sampler), rankme_torch.all_reduce(acc)


@pytest.mark.parametrize(("n_rows", "shuffle"), [(40, False), (41, True), (3, False)])
def test_a_padded_sampler_counts_each_row_once(n_rows, shuffle):
    z = embeddings(n_rows, 6)
    results = on_ranks(4, sampled, z, shuffle)
    assert 4 * results[0][0] >= n_rows
    for _, total in results:
        assert_same(total, one_process(z))


def test_drop_padding_agrees_with_the_sampler():
    from torch.utils.data import DistributedSampler

    for n_total in range(1, 20):
        for world in range(1, 7):
            kept = []
            for rank in range(world):
                sampler = DistributedSampler(range(n_total), world, rank, shuffle=True)
                dealt = np.array(list(sampler))
                blocks = np.array_split(dealt, max(1, len(dealt) // 2))
                numbers = {"n_total": n_total, "rank": rank, "world_size": world}
                kept += list(rankme_torch.drop_padding(blocks, **numbers))
            assert sorted(np.concatenate(kept)) == list(range(n_total))


@pytest.mark.parametrize("rows", [2, 4])
def test_drop_padding_refuses_another_number_of_rows(rows):
    blocks = rankme_torch.drop_padding(np.zeros((rows, 1, 5)), n_total=8, rank=0, world_size=3)
    with pytest.raises(ValueError, match=f"blocks have {rows} rows, and .* deals out 3"):
        list(blocks)


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ({"n_total": 0}, "n_total must be 1 or more, not 0"),
        ({"rank": 3}, "rank must be from 0 to 2, not 3"),
        ({"world_size": 0}, "world_size must be 1 or more, not 0"),
    ],
)
def test_drop_padding_refuses_bad_numbers_at_once(numbers, text):
    with pytest.raises(ValueError, match=re.escape(text)):
        rankme_torch.drop_padding([], **{"n_total": 8, "rank": 0, "world_size": 3} | numbers)


def test_a_killed_rank_goes_on_from_its_saved_state():
    """Under the elastic agent: each time one rank is killed and all are started again."""
    folder = ROOT / "tests" / "python" / "support"
    result = subprocess.run(
        [sys.executable, folder / "elastic_job.py", str(REPETITIONS)],
        env={**os.environ, "PYTHONPATH": str(folder), "GLOO_SOCKET_IFNAME": "lo"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    expected = one_process(embeddings(elastic_job.ROWS, elastic_job.COLS))
    runs = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(runs) == REPETITIONS
    for run in runs:
        assert run[0] == run[1]
        score, n_rows, restarts = run[0]
        assert score == pytest.approx(expected.score(), rel=1e-12)
        assert n_rows == elastic_job.ROWS
        assert restarts == "1"
