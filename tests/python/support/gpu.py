"""What the tests of the CUDA module share: when they run, and arrays that lie on a GPU."""

import importlib.util
import os
import warnings

import numpy as np
import pytest

import rankme

NO_GPU = "no NVIDIA GPU that rankme can use"
NOT_BUILT = "rankme was built without its CUDA module"

# Set where skipping would hide that the module cannot use the GPU that is there.
REQUIRED = os.environ.get("RANKME_GPU_TESTS") == "required"
BUILT = importlib.util.find_spec("rankme._cuda") is not None

needs_gpu = [
    pytest.mark.gpu,
    pytest.mark.skipif(not (REQUIRED or rankme.cuda.is_available()), reason=NO_GPU),
]
needs_build = pytest.mark.skipif(
    not (BUILT or REQUIRED or os.environ.get("RANKME_GPU_TESTS") == "built"), reason=NOT_BUILT
)
DEVICE = "cuda:0"
# What a score may differ by from the CPU's, relative.
AGAINST_CPU = 1e-10


def framework(name):
    """Import PyTorch, CuPy or JAX: what they warn of on import is not ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = importlib.import_module(name)
        if name == "cupy":
            importlib.import_module("cupy.linalg")
    return module


def on_gpu(z, *, order=None):
    """A torch tensor on the GPU with these entries; bfloat16 of ml_dtypes too."""
    torch = framework("torch")
    z = np.asarray(z)
    if z.dtype.name == "bfloat16":
        tensor = torch.from_numpy(z.view(np.uint16).copy().view(np.int16)).view(torch.bfloat16)
    else:
        tensor = torch.from_numpy(np.ascontiguousarray(z))
    tensor = tensor.to(DEVICE)
    return tensor.T.contiguous().T if order == "F" else tensor


def accumulated(*blocks, device=DEVICE, **options):
    acc = rankme.Accumulator(blocks[0].shape[1], device=device, **options)
    for block in blocks:
        acc.update(block)
    return acc
