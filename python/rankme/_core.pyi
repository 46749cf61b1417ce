# The compiled core. Private: `rankme` itself is the public face, and `rankme._arrays` checks what
# comes in here. m is min(N, K).

from collections.abc import Sequence
from typing import Any, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

__version__: str

_Doubles: TypeAlias = NDArray[np.float64]
# scaled (m,), low (m,), high (m,), exponent: sigma = scaled * 2**exponent, between the other two
_Values: TypeAlias = tuple[_Doubles, _Doubles, _Doubles, int]
# the same of a batch: scaled, low, high, offsets, exponents
_Batch: TypeAlias = tuple[_Doubles, _Doubles, _Doubles, NDArray[np.int64], NDArray[np.int32]]

class BlasConfig(TypedDict):
    build: str
    core: str
    library: str
    threading: str

class _Accumulator:
    @property
    def dim(self) -> int: ...
    @property
    def normalize(self) -> bool: ...
    @property
    def n_rows(self) -> int: ...
    def update(self, z: NDArray[Any]) -> None: ...
    def reset(self) -> None: ...
    # the values, and the number of rows behind them
    def spectrum(self, center: bool) -> tuple[_Values, int]: ...

class GramAccumulator(_Accumulator):
    # probed=False is for the benchmark, which measures what the probes cost: it has no spectrum
    def __init__(self, dim: int, normalize: bool, seed: int, probed: bool = True) -> None: ...
    @property
    def seed(self) -> int: ...
    def merge(self, other: GramAccumulator) -> None: ...
    def gram(self) -> _Doubles: ...
    # n_rows, (exponent, seed, blocks, longest_block), (column sums, probe products, triangle)
    def state(
        self,
    ) -> tuple[int, tuple[int, int, int, int], tuple[_Doubles, _Doubles, _Doubles]]: ...
    @staticmethod
    def from_state(
        dim: int,
        normalize: bool,
        n_rows: int,
        numbers: tuple[int, ...],
        column_sums: _Doubles,
        probe_products: _Doubles,
        triangle: _Doubles,
    ) -> GramAccumulator: ...

class QrAccumulator(_Accumulator):
    def __init__(self, dim: int, normalize: bool) -> None: ...
    def merge(self, other: QrAccumulator) -> None: ...
    # n_rows, the number of blocks alone, the triangle alone
    def state(self) -> tuple[int, tuple[int], tuple[_Doubles]]: ...
    @staticmethod
    def from_state(
        dim: int, normalize: bool, n_rows: int, numbers: tuple[int, ...], triangle: _Doubles
    ) -> QrAccumulator: ...

def spectrum(z: NDArray[Any], center: bool, normalize: bool, method: str) -> _Values: ...

# zs: a 3-D array, or a sequence of 2-D arrays. scaled, low, high: one matrix after the other,
# matrix i at offsets[i]:offsets[i + 1]; exponents: int32 (B,)
def spectrum_batch(
    zs: NDArray[Any] | Sequence[NDArray[Any]], center: bool, normalize: bool, method: str
) -> _Batch: ...

# (B,) scores, and the indices of those whose interval is wider than tolerance * score
def rankme_batch(
    scaled: _Doubles,
    low: _Doubles,
    high: _Doubles,
    offsets: NDArray[np.int64],
    eps: float,
    tolerance: float,
) -> tuple[_Doubles, NDArray[np.int64]]: ...
def rankme(singular_values: _Doubles, eps: float) -> float: ...
def rankme_bounds(low: _Doubles, high: _Doubles, eps: float) -> tuple[float, float]: ...
def num_threads() -> int: ...
def set_num_threads(count: int) -> None: ...
def blas_config() -> BlasConfig: ...
def cpu_features() -> list[str]: ...
