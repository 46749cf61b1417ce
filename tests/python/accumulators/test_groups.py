"""Accumulators that keep groups: how rows are dealt, merged and looked at."""

import copy
import pickle
import threading

import numpy as np
import pytest

import rankme


def rows(n=2000, k=12, seed=0):
    return np.random.default_rng(seed).standard_normal((n, k)) * np.arange(1.0, k + 1) ** -0.5


def grouped(z, blocks=1, **options):
    acc = rankme.Accumulator(z.shape[1], groups=16, **options)
    for block in np.array_split(z, blocks):
        acc.update(block)
    return acc


def same_groups(a, b, rtol=1e-12):
    assert a.estimate().group_rows.tolist() == b.estimate().group_rows.tolist()
    for center in (False, True):
        ours, theirs = a.estimate(center=center), b.estimate(center=center)
        np.testing.assert_allclose(ours.left_out, theirs.left_out, rtol=rtol)
        assert ours.score == pytest.approx(theirs.score, rel=rtol)


def left_out_by_hand(z, labels, groups=16):
    return [rankme.score(z[labels != b]) for b in range(groups)]


@pytest.mark.parametrize("run_length", [32, 1, 7, 200])
def test_rows_are_dealt_in_runs(run_length):
    z = rows()
    e = grouped(z, run_length=run_length).estimate()
    labels = np.arange(2000) // run_length % 16
    filled = np.bincount(labels, minlength=16)
    assert e.group_rows.tolist() == filled[filled > 0].tolist()
    wanted = left_out_by_hand(z, labels, len(e.group_rows))
    np.testing.assert_allclose(e.left_out, wanted, rtol=1e-11)


def test_any_cut_of_a_stream_gives_the_same_groups():
    z = rows()
    whole = grouped(z)
    for blocks in (2, 3, 63, 2000):
        same_groups(whole, grouped(z, blocks))


def test_the_total_is_the_ordinary_accumulator():
    z = rows()
    acc, plain = grouped(z, 9), rankme.Accumulator(12)
    plain.update(z)
    assert acc.n_rows == plain.n_rows
    for center in (False, True):
        e, s = acc.estimate(center=center), acc.spectrum(center=center)
        assert e.score == acc.score(center=center) == s.rankme()
        assert (e.low, e.high) == s.rankme_bounds()
        assert e.score == pytest.approx(plain.score(center=center), rel=1e-13)
    np.testing.assert_allclose(acc.gram(), plain.gram(), rtol=1e-12)
    assert plain.groups is None
    assert (acc.groups, acc.run_length) == (16, 32)
    assert repr(acc).endswith("method='gram', groups=16): 2000 rows")


def test_rows_that_are_left_out_are_not_counted():
    z = rows()
    bad = np.insert(z, [0, 5, 5, 40, 1999], np.nan, axis=0)
    acc = grouped(bad, 7, skip_nonfinite=True)
    assert (acc.n_rows, acc.n_skipped) == (2000, 5)
    same_groups(acc, grouped(z))


def test_a_bad_block_changes_nothing():
    z = rows()
    acc = grouped(z[:1000])
    for bad in (np.full((40, 12), np.inf), z[:40, :11], z[0]):
        with pytest.raises(ValueError, match="Z"):
            acc.update(bad)
    acc.update(z[1000:])
    same_groups(acc, grouped(z))


def test_merging_goes_by_groups_and_the_left_one_goes_on():
    z = rows(2400)
    left, right = grouped(z[:700], 3), grouped(z[700:1400], 5)
    labels = [np.arange(700) // 32 % 16, np.arange(700) // 32 % 16]
    left.merge(right)
    left.update(z[1400:])
    labels.append((700 + np.arange(1000)) // 32 % 16)
    labels = np.concatenate(labels)
    assert left.estimate().group_rows.tolist() == np.bincount(labels).tolist()
    np.testing.assert_allclose(left.estimate().left_out, left_out_by_hand(z, labels), rtol=1e-11)
    same_groups(sum([grouped(z[:700]), right]), grouped(z[:700]) + right)


def test_shards_stand_in_the_way_of_a_merge():
    acc = rankme.Accumulator(12, groups=16)
    acc.update(rows(), shard="a")
    with pytest.raises(ValueError, match="both hold rows of shard 'a'"):
        acc.merge(acc.copy())
    assert acc.n_rows == 2000
    assert acc.shards == {"a": 2000}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "groups 16 and groups None"),
        ({"groups": 8}, "groups 16 and groups 8"),
        ({"groups": 16, "run_length": 64}, "run_length 32 and run_length 64"),
        ({"groups": 16, "seed": 1}, "seed 0 and seed 1"),
        ({"groups": 16, "normalize": True}, "normalizes"),
    ],
)
def test_unlike_groups_do_not_merge(options, message):
    acc, other = grouped(rows()), rankme.Accumulator(12, **options)
    other.update(rows(600))
    with pytest.raises(ValueError, match=message):
        acc.merge(other)
    with pytest.raises(ValueError, match="cannot merge"):
        other.merge(acc)
    assert (acc.n_rows, other.n_rows) == (2000, 600)


def test_copies_go_on_alike():
    z = rows()
    acc = grouped(z[:777], 11)
    others = [acc.copy(), copy.deepcopy(acc), pickle.loads(pickle.dumps(acc))]
    for one in others:
        same_groups(one, acc, 0)
        one.update(z[777:])
    acc.update(z[777:])
    for one in others:
        same_groups(one, acc)
    acc.reset()
    acc.update(z)
    same_groups(acc, others[0])


def test_short_parts_of_a_merge_fill_the_first_groups_only():
    parts = np.split(rows(640, 4), 20)
    merged = sum((grouped(part) for part in parts[1:]), grouped(parts[0]))
    with pytest.raises(ValueError, match=r"640 rows fill 1 of 16 groups.*run_length below 32, so"):
        merged.estimate()
    merged = sum(
        (grouped(part, run_length=4) for part in parts[1:]), grouped(parts[0], run_length=4)
    )
    assert merged.estimate().groups == 8


def test_what_cannot_have_groups():
    for options, message in [
        ({"groups": 7}, "groups must be from 8"),
        ({"groups": 16, "method": "qr"}, "groups are kept with method='gram'"),
        ({"groups": 16, "run_length": 0}, "run_length must be from 1"),
    ]:
        with pytest.raises(ValueError, match=message):
            rankme.Accumulator(4, **options)
    with pytest.raises(ValueError, match="make it with groups"):
        rankme.Accumulator(4).estimate()
    acc = rankme.Accumulator(4, groups=16)
    with pytest.raises(ValueError, match="0 rows fill 0 of 16 groups"):
        acc.estimate()
    acc.update(rows(224, 4))
    with pytest.raises(ValueError, match=r"224 rows fill 7 of 16 groups.*more than 224 rows"):
        acc.estimate()
    acc.update(rows(1, 4))
    assert acc.estimate().groups == 8


def test_several_threads_share_one():
    z = rows(320)
    acc = rankme.Accumulator(12, groups=16)

    def work():
        for block in np.array_split(z, 10):
            acc.update(block)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert acc.n_rows == 1280
    assert acc.estimate().group_rows.tolist() == [96] * 8 + [64] * 8


def stack_of(zs, blocks=1):
    stack = rankme.LayerAccumulator(len(zs), zs[0].shape[1], groups=16)
    for part in np.array_split(np.arange(len(zs[0])), blocks):
        stack.update([z[part] for z in zs])
    return stack


def test_layers_have_the_groups_of_accumulators(tmp_path):
    zs = [rows(seed=seed) for seed in range(3)]
    stack = stack_of(zs, 9)
    stack.save(tmp_path / "stack")
    assert (stack.groups, stack.run_length) == (16, 32)
    for same in (stack, stack.copy(), rankme.LayerAccumulator.load(tmp_path / "stack")):
        for z, e, layer in zip(zs, same.estimates(center=True), range(3), strict=True):
            wanted = grouped(z).estimate(center=True)
            np.testing.assert_allclose(e.left_out, wanted.left_out, rtol=1e-12)
            assert e.std_error == pytest.approx(wanted.std_error, rel=1e-8)
            assert same[layer].estimate(center=True).std_error == e.std_error
            assert same.spectrum(layer, center=True).rankme() == e.score
    arrays = rankme.LayerAccumulator(3, 12, groups=16)
    arrays.update(np.stack(zs))
    np.testing.assert_allclose(arrays.score(), stack.score(), rtol=1e-12)


def test_layers_merge_and_go_on():
    zs = [rows(seed=seed) for seed in range(2)]
    left, right = stack_of([z[:640] for z in zs]), stack_of([z[640:] for z in zs])
    left.merge(right)
    # 640 is 20 runs; the right one began with its own first group.
    labels = np.concatenate([np.arange(640), np.arange(1360)]) // 32 % 16
    for z, e in zip(zs, left.estimates(), strict=True):
        np.testing.assert_allclose(e.left_out, left_out_by_hand(z, labels), rtol=1e-11)
    left.merge(left)
    assert left.n_rows == 4000
    with pytest.raises(ValueError, match="groups 16 and groups None"):
        left.merge(rankme.LayerAccumulator(2, 12))
    with pytest.raises(ValueError, match="n_layers 2 and n_layers 3"):
        left.merge(rankme.LayerAccumulator(3, 12, groups=16))
    with pytest.raises(ValueError, match="make it with groups"):
        rankme.LayerAccumulator(2, 12).estimates()


def test_layers_take_all_or_nothing():
    zs = [rows(400, seed=seed) for seed in range(3)]
    stack = stack_of(zs)
    before = [e.left_out for e in stack.estimates()]
    bad = zs[2].copy()
    bad[399, 11] = np.nan
    with pytest.raises(rankme.NonFiniteError, match=r"Zs\[2\]\[399, 11\]"):
        stack.update([zs[0], zs[1], bad])
    for wrong in ([zs[0], zs[1]], [zs[0], zs[1], zs[2][:, :5]], [zs[0], zs[1], zs[2][:9]]):
        with pytest.raises(ValueError, match="Zs"):
            stack.update(wrong)
    for old, e in zip(before, stack.estimates(), strict=True):
        assert old.tolist() == e.left_out.tolist()
    stack.update(zs)
    assert stack.n_rows == 800
    stack.reset()
    assert stack.n_rows == 0
