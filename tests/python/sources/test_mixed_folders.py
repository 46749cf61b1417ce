"""Folders with several sets side by side are refused, and what they say leads to one set."""

import json
import re

import fsspec
import numpy as np
import pytest

import rankme
from command import error_line, run
from rankme.sources import BadDataError, open_source
from rankme.sources._sets import require_one_set
from source_files import matrix

# Each refused folder by its sets, in the order in which they are listed.
MIXED = {
    "modalities": [["img_emb/img_emb_0.npy"], ["text_emb/text_emb_0.npy"]],
    "modalities of several shards": [
        ["img_emb/img_emb_0.npy", "img_emb/img_emb_1.npy"],
        ["text_emb/text_emb_0.npy", "text_emb/text_emb_1.npy"],
    ],
    "flat modalities": [["image-0.npy", "image-1.npy"], ["caption-0.npy", "caption-1.npy"]],
    "splits": [
        ["data/train-00000-of-00002.npy", "data/train-00001-of-00002.npy"],
        ["data/test-00000-of-00001.npy"],
    ],
    "splits in folders": [["train/part-0.npy", "train/part-1.npy"], ["val/part-2.npy"]],
    "splits as partitions": [["split=train/part-0.npy"], ["split=test/part-1.npy"]],
    "layers": [["l0.npy"], ["l1.npy"], ["l11.npy"]],
    "named layers": [["layer-1-part-0.npy", "layer-1-part-1.npy"], ["layer-10-part-0.npy"]],
    "checkpoints": [["step_0/emb.npy"], ["step_100/emb.npy"]],
    "checkpoints in file names": [["epoch=1.npy"], ["epoch=2.npy"]],
    "checkpoints by number": [["1000/emb.npy"], ["2000/emb.npy"]],
    "checkpoints by number, in shards": [
        ["1000/part-0.npy", "1000/part-1.npy"],
        ["2000/part-0.npy", "2000/part-1.npy"],
    ],
    "models as partitions": [["model=a/part-0.npy"], ["model=b/part-1.npy"]],
    "seeds": [["run/seed0/emb.npy"], ["run/seed1/emb.npy"]],
    "any two folders": [["clip/part-0.npy"], ["dino/part-1.npy"]],
    "a copy beside": [["old/part-0.npy"], ["part-0.npy"]],
    "derived": [["emb_0.npy", "emb_1.npy"], ["emb_normalized_0.npy", "emb_normalized_1.npy"]],
    "two series": [["clip_0.npy", "clip_1.npy"], ["dino_0.npy", "dino_1.npy"]],
    "encoder and projector": [["encoder.npy"], ["projector.npy"]],
    "queries and documents": [["queries.npy"], ["corpus_0.npy", "corpus_1.npy"]],
    "splits in one word": [["testFeatures.npy"], ["trainFeatures.npy"]],
    "versions": [["emb_v1.npy"], ["emb_v2.npy"]],
    "views": [["view1.npy"], ["view2.npy"]],
    "short epochs": [["ep0.npy"], ["ep1.npy"]],
    "real and fake": [["real-0.npy", "real-1.npy"], ["fake-2.npy"]],
    "moments beside": [["emb-0.npy", "emb-1.npy"], ["emb_mean.npy"]],
    "weights beside": [["embeddings.npy"], ["model.npy"]],
    "shards that were written again": [
        ["x-00000-of-00002.npy", "x-00001-of-00002.npy"],
        ["x-00000-of-00003.npy", "x-00001-of-00003.npy", "x-00002-of-00003.npy"],
    ],
    "the same files in every part": [
        ["shard-0/clip.npy", "shard-1/clip.npy"],
        ["shard-0/dino.npy", "shard-1/dino.npy"],
    ],
}

ONE_SET = {
    "flat": ["part-0.npy", "part-1.npy", "part-10.npy"],
    "slides": ["TCGA-02-0001.npy", "TCGA-02-0033.npy", "case B.npy"],
    "spark": [
        "day=1/part-00000-0f0e0d0c-1111-4222-8333-444455556666.c000.npy",
        "day=2/part-00000-aaaaaaaa-1111-4222-8333-444455556666.c000.npy",
    ],
    "partitions in partitions": [
        "year=2024/month=1/a.npy",
        "year=2024/month=2/a.npy",
        "year=2025/month=1/a.npy",
    ],
    "one split": ["data/train-00000-of-00002.npy", "data/train-00001-of-00002.npy"],
    "shards in folders": ["00/part-00.npy", "00/part-01.npy", "01/part-02.npy"],
    "folders of shards": ["shard_0/emb.npy", "shard_1/emb.npy", "shard_10/emb.npy"],
    "one folder in another": ["a/b/x.npy", "a/b/y.npy"],
    "one writer twice": [
        "part-0-0f0e0d0c-1111-4222-8333-444455556666.npy",
        "part-0-aaaaaaaa-1111-4222-8333-444455556666.npy",
    ],
    "hashes": [
        "0123456789abcdef0123456789abcdef_000000_000000.npy",
        "fedcba9876543210fedcba9876543210_000001_000000.npy",
    ],
    "one version": ["all-MiniLM-L6-v2-0.npy", "all-MiniLM-L6-v2-1.npy"],
    "one kind of mean": ["mean_0.npy", "mean_1.npy"],
    "videos": ["v0001.npy", "v0002.npy"],
    "one layer": ["layer-3-part-0.npy", "layer-3-part-1.npy"],
}


def write(folder, names):
    """Write an array of its own for each name; return them by name."""
    arrays = {name: matrix(9, 4, seed=seed) for seed, name in enumerate(names)}
    for name, rows in arrays.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, rows)
    return arrays


def upload(folder, url):
    system, base = fsspec.core.url_to_fs(url)
    for path in folder.rglob("*.npy"):
        system.pipe_file(f"{base}/{path.relative_to(folder).as_posix()}", path.read_bytes())


def ways_of(error):
    """Return the paths and patterns that an error lists."""
    listed = re.search(r".*: (.*); score one of these", str(error))[1]
    return [re.sub(r" \([0-9]+ files?\)$", "", way) for way in re.split(r"(?<=\)), ", listed)]


def rows_of(arrays, names):
    return sorted(map(tuple, np.concatenate([arrays[name] for name in names]).tolist()))


@pytest.mark.parametrize("case", MIXED)
@pytest.mark.parametrize("remote", [False, True], ids=["local", "url"])
def test_several_sets_are_refused_and_each_can_be_chosen(tmp_path, memory, case, remote):
    sets = MIXED[case]
    folder = tmp_path / "c"
    arrays = write(folder, [name for names in sets for name in names])
    place = folder
    if remote:
        upload(folder, memory)
        place = memory
    with pytest.raises(BadDataError, match=f"may be {len(sets)} different sets") as caught:
        open_source(place)
    ways = ways_of(caught.value)
    found = [sorted(map(tuple, open_source(way).matrix().tolist())) for way in ways]
    assert sorted(found) == sorted(rows_of(arrays, names) for names in sets)
    # And all together, by who means it.
    pooled = open_source(ways)
    assert sorted(map(tuple, pooled.matrix().tolist())) == rows_of(arrays, arrays)


@pytest.mark.parametrize("case", ONE_SET)
@pytest.mark.parametrize("remote", [False, True], ids=["local", "url"])
def test_one_set_is_one_set(tmp_path, memory, case, remote):
    arrays = write(tmp_path / "c", ONE_SET[case])
    place = tmp_path / "c"
    if remote:
        upload(place, memory)
        place = memory
    source = open_source(place)
    assert sorted(map(tuple, source.matrix().tolist())) == rows_of(arrays, arrays)
    assert len(source.shards) == len(arrays)


def test_the_command_leads_to_the_right_number(tmp_path):
    (tmp_path / "c/img_emb").mkdir(parents=True)
    (tmp_path / "c/text_emb").mkdir()
    np.save(tmp_path / "c/img_emb/img_emb_0.npy", np.eye(4, dtype=np.float16))
    np.save(tmp_path / "c/text_emb/text_emb_0.npy", -np.eye(4, dtype=np.float16))
    result = run("score", "c", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (1, "")
    line = error_line(result)
    ways = ways_of(line)
    assert ways == ["c/img_emb/img_emb_0.npy", "c/text_emb/text_emb_0.npy"]
    assert "rankme score --pool PATH PATH" in line
    one = json.loads(run("score", "--json", "--eps", "0", ways[0], cwd=tmp_path).stdout)
    assert (one["n_rows"], one["rankme"]) == (4, pytest.approx(4, rel=1e-12))
    both = json.loads(run("score", "--json", "--pool", *ways, cwd=tmp_path).stdout)
    assert (both["n_rows"], both["n_files"], both["n_folders"]) == (8, 2, 2)
    text = run("score", "--pool", *ways, cwd=tmp_path).stdout
    assert "  files       2 in 2 folders\n" in text


def test_a_pattern_is_one_set_on_purpose(tmp_path):
    write(tmp_path, ["img_emb/0.npy", "text_emb/0.npy"])
    result = run("score", "--json", "*/*.npy", cwd=tmp_path)
    record = json.loads(result.stdout)
    assert (record["n_rows"], record["n_files"], record["n_folders"]) == (18, 2, 2)


def test_metadata_beside_does_not_hide_the_sets(tmp_path):
    arrays = write(tmp_path / "c", ["img_emb/img_emb_0.npy", "text_emb/text_emb_0.npy"])
    (tmp_path / "c" / "metadata").mkdir()
    (tmp_path / "c" / "metadata" / "metadata_0.parquet").write_bytes(b"PAR1")
    with pytest.raises(BadDataError, match="may be 2 different sets") as caught:
        open_source(tmp_path / "c")
    image, text = (open_source(way).matrix() for way in ways_of(caught.value))
    np.testing.assert_array_equal(image, arrays["img_emb/img_emb_0.npy"])
    np.testing.assert_array_equal(text, arrays["text_emb/text_emb_0.npy"])


def test_many_sets_are_listed_in_part(tmp_path):
    write(tmp_path, [f"layer_{number}.npy" for number in range(20)])
    with pytest.raises(BadDataError, match=r"may be 20 different sets.*layer_5\.npy.*and 14 more"):
        open_source(tmp_path)


def test_marks_in_names_of_folders_above_say_nothing(tmp_path):
    arrays = write(tmp_path / "train" / "step_3" / "text", ["part-0.npy", "part-1.npy"])
    assert open_source(tmp_path / "train" / "step_3" / "text").n_rows == 9 * len(arrays)


def test_a_path_twice_in_a_sequence_is_an_error(tmp_path):
    write(tmp_path, ["a.npy", "b.npy"])
    with pytest.raises(BadDataError, match=r"is the same file as .*a\.npy.*; name it once"):
        open_source([tmp_path / "a.npy", tmp_path / "b.npy", tmp_path])
    assert open_source([tmp_path / "a.npy", tmp_path / "b.npy"]).n_rows == 18


def test_names_alone_are_looked_at_and_fast():
    names = [f"day={day}/part-{number:05}.parquet" for day in range(100) for number in range(500)]
    require_one_set("s3://bucket/table", names)
    with pytest.raises(BadDataError, match="different sets"):
        require_one_set("s3://bucket/table", [*names, "backup/part-00000.parquet"])


def test_a_run_that_pooled_several_sets_says_so(tmp_path):
    write(tmp_path, ["c/clip/a.npy", "c/dino/b.npy"])
    state = ("--state", "run.rankme")
    # A pattern is what the folder was taken for before.
    assert run("score", "c/*/*.npy", *state, cwd=tmp_path).returncode == 0
    line = error_line(run("score", "c", *state, cwd=tmp_path))
    assert "may be 2 different sets" in line
    assert "in run.rankme, of 18 rows from 2 files, was begun before the first release" in line
    assert line.endswith("start again with another file")
    result = run("score", "c/clip", "--state", "other.rankme", "--json", cwd=tmp_path)
    rows = np.load(tmp_path / "c/clip/a.npy")
    assert json.loads(result.stdout)["rankme"] == pytest.approx(rankme.score(rows), rel=1e-12)
    write(tmp_path, ["d/clip/a.npy", "d/dino/b.npy"])
    assert "was begun" not in error_line(run("score", "d", *state, cwd=tmp_path))


@pytest.mark.parametrize("there", [[0], [0, 2], [1, 2]], ids=str)
def test_a_series_that_lacks_files_is_refused(tmp_path, there):
    write(tmp_path, [f"x-0000{i}-of-00003.npy" for i in there])
    problem = rf"has {len(there)} of the 3 files that the name x-0000{there[0]}-of-00003.npy counts"
    with pytest.raises(BadDataError, match=problem):
        open_source(tmp_path)
    assert open_source(tmp_path / "x-*.npy").n_rows == 9 * len(there)


@pytest.mark.parametrize("end", ["gz", "zst", "part", "crdownload"])
def test_a_shard_that_cannot_be_read_is_not_passed_over(tmp_path, end):
    write(tmp_path, ["part-0.npy"])
    (tmp_path / f"part-1.npy.{end}").write_bytes(b"1")
    with pytest.raises(BadDataError, match=rf"part-1\.npy\.{end}, which is compressed or not"):
        open_source(tmp_path)
    assert open_source(tmp_path / "part-*.npy").n_rows == 9
    (tmp_path / f"part-1.npy.{end}").rename(tmp_path / f".part-1.npy.{end}")
    assert open_source(tmp_path).n_rows == 9
