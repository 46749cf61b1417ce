# The compiled core. Private: `rankme` itself is the public face, and `rankme._arrays` checks what
# comes in here. m is min(N, K).

from typing import Any, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

__version__: str

_Doubles: TypeAlias = NDArray[np.float64]
# scaled (m,), low (m,), high (m,), exponent: sigma = scaled * 2**exponent, between the other two
_Values: TypeAlias = tuple[_Doubles, _Doubles, _Doubles, int]

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
    # rows of each shard, by its id in UTF-8
    @property
    def shards(self) -> dict[bytes, int]: ...
    def update(self, z: NDArray[Any], shard: bytes | None = None) -> None: ...
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
    # n_rows, (exponent, seed, blocks, longest_block), (column sums, probe products, triangle),
    # shards
    def state(
        self,
    ) -> tuple[
        int, tuple[int, int, int, int], tuple[_Doubles, _Doubles, _Doubles], dict[bytes, int]
    ]: ...
    @staticmethod
    def from_state(
        dim: int,
        normalize: bool,
        n_rows: int,
        numbers: tuple[int, ...],
        column_sums: _Doubles,
        probe_products: _Doubles,
        triangle: _Doubles,
        shards: dict[bytes, int] = ...,
    ) -> GramAccumulator: ...

class QrAccumulator(_Accumulator):
    def __init__(self, dim: int, normalize: bool) -> None: ...
    def merge(self, other: QrAccumulator) -> None: ...
    # n_rows, the number of blocks alone, the triangle alone, shards
    def state(self) -> tuple[int, tuple[int], tuple[_Doubles], dict[bytes, int]]: ...
    @staticmethod
    def from_state(
        dim: int,
        normalize: bool,
        n_rows: int,
        numbers: tuple[int, ...],
        triangle: _Doubles,
        shards: dict[bytes, int] = ...,
    ) -> QrAccumulator: ...

def spectrum(z: NDArray[Any], center: bool, normalize: bool, method: str) -> _Values: ...
def rankme(singular_values: _Doubles, eps: float) -> float: ...
def rankme_bounds(low: _Doubles, high: _Doubles, eps: float) -> tuple[float, float]: ...
def num_threads() -> int: ...
def set_num_threads(count: int) -> None: ...
def blas_config() -> BlasConfig: ...
def cpu_features() -> list[str]: ...
