# The CUDA module. Private, and perhaps not there: `rankme._base.cuda_loader` loads it. It has the
# classes and functions of _core with the device, the number of a GPU, and the same values and
# states. All that take an array take one on the host or on that device.

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rankme._core import ArrayView

__version__: str

_Doubles: TypeAlias = NDArray[np.float64]
_Uncertainty: TypeAlias = tuple[float, float, float, float, float, bool, int]
_Values: TypeAlias = tuple[_Doubles, _Doubles, _Doubles, int, _Uncertainty]

def device_count() -> int: ...
def devices() -> list[dict[str, Any]]: ...
def library_versions() -> dict[str, str]: ...

# The handle of the stream on which imported arrays must be ready.
def stream(device: int) -> int: ...

# Frees the buffers that are kept between calls.
def trim(device: int) -> None: ...

class _Accumulator:
    @property
    def dim(self) -> int: ...
    @property
    def normalize(self) -> bool: ...
    @property
    def device(self) -> int: ...
    @property
    def n_rows(self) -> int: ...
    @property
    def shards(self) -> dict[bytes, int]: ...
    def update(self, z: ArrayView, shard: bytes | None = None) -> None: ...
    def reset(self) -> None: ...
    def spectrum(self, center: bool) -> tuple[_Values, int]: ...

class GramAccumulator(_Accumulator):
    def __init__(
        self, dim: int, normalize: bool, seed: int, device: int, precision: str
    ) -> None: ...
    @property
    def seed(self) -> int: ...
    # how many of the rows went through tensor cores
    @property
    def fast_rows(self) -> int: ...
    def merge(self, other: GramAccumulator) -> None: ...
    def gram(self) -> _Doubles: ...
    def state(
        self,
    ) -> tuple[
        int, tuple[int, int, int, int], tuple[_Doubles, _Doubles, _Doubles], dict[bytes, int]
    ]: ...
    # for the benchmark: tile 0 is cublasDsyrk, otherwise the width of tiles; block_bytes 0 is the
    # usual size
    def set_products(self, tile: int, splits: int, block_bytes: int) -> None: ...
    @staticmethod
    def from_state(
        dim: int,
        normalize: bool,
        n_rows: int,
        numbers: tuple[int, ...],
        column_sums: _Doubles,
        probe_products: _Doubles,
        triangle: _Doubles,
        shards: dict[bytes, int],
        device: int,
        precision: str,
    ) -> GramAccumulator: ...

class QrAccumulator(_Accumulator):
    def __init__(self, dim: int, normalize: bool, device: int) -> None: ...
    def merge(self, other: QrAccumulator) -> None: ...
    def state(self) -> tuple[int, tuple[int], tuple[_Doubles], dict[bytes, int]]: ...
    @staticmethod
    def from_state(
        dim: int,
        normalize: bool,
        n_rows: int,
        numbers: tuple[int, ...],
        triangle: _Doubles,
        shards: dict[bytes, int],
        device: int,
    ) -> QrAccumulator: ...

def spectrum(
    z: ArrayView, center: bool, normalize: bool, method: str, precision: str, device: int
) -> _Values: ...

# zs: a 3-D view, or views of matrices; all on the host, or all on that device. As that of _core:
# (scaled, low, high, offsets, exponents), flat, matrix i at offsets[i]:offsets[i + 1]
def spectrum_batch(
    zs: ArrayView | Sequence[ArrayView],
    center: bool,
    normalize: bool,
    method: str,
    precision: str,
    device: int,
) -> tuple[_Doubles, _Doubles, _Doubles, NDArray[np.int64], NDArray[np.int32]]: ...
