# The compiled core. Private: `rankme` itself is the public face, and `rankme._base.arrays` checks
# what comes in here. m is min(N, K).

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypedDict

import numpy as np
from numpy.typing import NDArray

__version__: str

_Doubles: TypeAlias = NDArray[np.float64]
# ball, free, solver_frobenius, relative, absolute, of_squares, solved: as in wielandt.hpp
_Uncertainty: TypeAlias = tuple[float, float, float, float, float, bool, int]
# scaled (m,), low (m,), high (m,), exponent: sigma = scaled * 2**exponent, between the other two;
# and what is known of them together
_Other: TypeAlias = tuple[_Doubles, _Doubles, _Doubles, int]  # of the other choice of center
_Values: TypeAlias = tuple[
    _Doubles, _Doubles, _Doubles, int, _Uncertainty, Callable[[], _Other] | None
]
# the same of a batch: scaled, low, high, offsets, exponents
_Batch: TypeAlias = tuple[_Doubles, _Doubles, _Doubles, NDArray[np.int64], NDArray[np.int32]]

class BlasConfig(TypedDict):
    build: str
    core: str
    library: str
    threading: str

# An array that its producer holds: any object that offers one of the protocols in array_import.hpp.
class ArrayView:
    # stream: where a DLPack producer on a CUDA device is to have its work done
    def __init__(self, obj: object, name: str = "Z", stream: int | None = None) -> None: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def strides(self) -> tuple[int, ...]: ...  # in bytes
    @property
    def dtype(self) -> str: ...  # "float16", "bfloat16", "float32", "float64"
    @property
    def device(self) -> str: ...  # "cpu", "cuda:0"; "cuda" where the producer names no device
    @property
    def pointer(self) -> int: ...
    # along the first axis; the same memory
    def __getitem__(self, index: int) -> ArrayView: ...
    # the rows along the last axis where the mask, of the shape of the others, is true: a matrix of
    # the same memory
    def kept(self, mask: NDArray[np.bool_]) -> ArrayView: ...

# False of lists, scalars and whatever else offers none of the protocols
def is_array(obj: object) -> bool: ...

# as ArrayView.device, without touching the data; "cpu" of what is no array
def device_of(obj: object) -> str: ...

# entries begin to end along the first axis, as a new float64 array; exact
def widened(z: ArrayView, begin: int, end: int) -> _Doubles: ...

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
    def update(self, z: ArrayView, shard: bytes | None = None) -> None: ...
    def reset(self) -> None: ...
    # the values, and the number of rows behind them
    def spectrum(self, center: bool) -> tuple[_Values, int]: ...

# n_rows, (exponent, seed, blocks, longest_block) with fast_rows if there are any, the arrays of a
# kind in state_header.KINDS
_GramState: TypeAlias = tuple[int, tuple[int, ...], tuple[_Doubles, ...]]

class GramAccumulator(_Accumulator):
    # probed=False is for the benchmark, which measures what the probes cost: it has no spectrum
    def __init__(
        self,
        dim: int,
        normalize: bool,
        seed: int,
        probed: bool = True,
        precision: str = "float64",
        tolerance: float = ...,
    ) -> None: ...
    # multiplied in float32
    @property
    def fast_rows(self) -> int: ...
    @property
    def seed(self) -> int: ...
    def merge(self, other: GramAccumulator) -> None: ...
    def gram(self) -> _Doubles: ...
    # that of a layer, and shards
    def state(
        self,
    ) -> tuple[int, tuple[int, ...], tuple[_Doubles, ...], dict[bytes, int]]: ...
    @staticmethod
    def from_state(
        dim: int,
        normalize: bool,
        n_rows: int,
        numbers: tuple[int, ...],
        arrays: tuple[_Doubles, ...],
        shards: dict[bytes, int] = ...,
        precision: str = "float64",
    ) -> GramAccumulator: ...

# The arrays of a scatter moved to another scale and about another point, origin + offset: those of
# disjoint rows then add up. The triangle given is written over, and comes back.
def scatter_about(
    dim: int,
    n_rows: int,
    numbers: tuple[int, ...],
    arrays: tuple[_Doubles, ...],
    exponent: int,
    origin: _Doubles,
    offset: _Doubles,
    offset_low: _Doubles,
) -> tuple[_Doubles, ...]: ...

# of the first columns of the rows of a state of either kind of squares
def leading_spectrum(
    dim: int,
    n_rows: int,
    numbers: tuple[int, ...],
    arrays: tuple[_Doubles, ...],
    columns: int,
    center: bool,
) -> tuple[_Values, int]: ...

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
        arrays: tuple[_Doubles, ...],
        shards: dict[bytes, int] = ...,
    ) -> QrAccumulator: ...

class LayerAccumulator:
    def __init__(
        self, n_layers: int, dim: int, normalize: bool, seed: int, precision: str = "float64"
    ) -> None: ...
    # of each layer
    @property
    def fast_rows(self) -> list[int]: ...
    # all of the same number of rows
    @staticmethod
    def from_states(
        dim: int,
        normalize: bool,
        states: list[tuple[int, tuple[int, ...], tuple[_Doubles, ...]]],
        precision: str = "float64",
    ) -> LayerAccumulator: ...
    @property
    def n_layers(self) -> int: ...
    @property
    def dim(self) -> int: ...
    @property
    def normalize(self) -> bool: ...
    @property
    def seed(self) -> int: ...
    @property
    def n_rows(self) -> int: ...
    # a 3-D array, or a sequence of matrices that need not be views yet
    def update(self, zs: ArrayView | Sequence[Any]) -> None: ...
    def merge(self, other: LayerAccumulator) -> None: ...
    def reset(self) -> None: ...
    # the values, and the number of rows behind them
    def spectrum(self, layer: int, center: bool) -> tuple[_Values, int]: ...
    def spectra(self, center: bool) -> tuple[list[_Values], int]: ...
    def state(self, layer: int) -> _GramState: ...
    # of all layers at one instant
    def states(self) -> list[_GramState]: ...

# zs as LayerAccumulator.update takes them, for stacks of other dims; stack_of has the number of its
# stack for each layer. All of them take in the rows, or none.
def update_stacks(
    stacks: list[LayerAccumulator], stack_of: list[int], zs: Sequence[Any]
) -> None: ...

# of all rows; the rows of each group; and of the rows without each group that has some
_WithoutGroups: TypeAlias = tuple[_Values, NDArray[np.int64], list[_Values]]

# of a matrix with fewer rows than columns
def leave_out_of_wide(
    z: ArrayView, groups: NDArray[np.int64], n_groups: int, center: bool, normalize: bool
) -> _WithoutGroups: ...

# zs as LayerAccumulator.update takes them, a matrix for each of the sums
def update_groups_of_all(
    sums: list[GroupSums], zs: ArrayView | Sequence[Any], groups: NDArray[np.int64]
) -> None: ...
def merge_groups_of_all(sums: list[GroupSums], others: list[GroupSums]) -> None: ...

# A sum for each group of rows, and what they tell together.
class GroupSums:
    def __init__(self, dim: int, n_groups: int, normalize: bool, seed: int) -> None: ...
    # as `state` gives them
    @staticmethod
    def from_state(
        dim: int, normalize: bool, groups: list[_GramState], shards: dict[bytes, int] = ...
    ) -> GroupSums: ...
    @property
    def dim(self) -> int: ...
    @property
    def n_groups(self) -> int: ...
    @property
    def normalize(self) -> bool: ...
    @property
    def seed(self) -> int: ...
    @property
    def n_rows(self) -> int: ...
    @property
    def group_rows(self) -> NDArray[np.int64]: ...  # (n_groups,)
    @property
    def shards(self) -> dict[bytes, int]: ...
    # groups: int64 (n,), C order, 0 to n_groups - 1: the group of each row
    def update(
        self, z: ArrayView, groups: NDArray[np.int64], shard: bytes | None = None
    ) -> None: ...
    def merge(self, other: GroupSums) -> None: ...
    def reset(self) -> None: ...
    def gram(self) -> _Doubles: ...
    # of all rows: the values, and the number of rows behind them
    def spectrum(self, center: bool) -> tuple[_Values, int]: ...
    def leave_out_spectra(self, center: bool) -> _WithoutGroups: ...
    # the rows of each group; and of the rows of each group that has some
    def group_spectra(self, center: bool) -> tuple[NDArray[np.int64], list[_Values]]: ...
    # of all groups at one instant, and shards
    def state(self) -> tuple[list[_GramState], dict[bytes, int]]: ...
    # of all rows, as GramAccumulator.from_state takes it
    def total_state(
        self,
    ) -> tuple[int, tuple[int, int, int, int], tuple[_Doubles, ...], dict[bytes, int]]: ...
    def group_state(self, group: int) -> _GramState: ...

# n_rows, n_groups, and the scatter within groups and of their means: (dim, dim) and its exponent
_Scatters: TypeAlias = tuple[int, int, tuple[_Doubles, int], tuple[_Doubles, int]]

# Groups of q rows each that come one behind the other.
class EqualGroups:
    def __init__(self, dim: int, q: int) -> None: ...
    # a multiple of q rows; finite, below 2**1000 in magnitude
    def add(self, z: ArrayView) -> None: ...
    def scatters(self) -> _Scatters: ...

# weighted: whether the mean of a group counts as often as it has rows, and not once
def group_scatters(sums: GroupSums, weighted: bool) -> _Scatters: ...
def spectrum(z: ArrayView, center: bool, normalize: bool, method: str) -> _Values: ...

# the values, and how many rows were multiplied in float32: none where a look at some of them
# promises an interval of RankMe that is wider than `tolerance` of it
def fast_spectrum(
    z: ArrayView, center: bool, normalize: bool, tolerance: float
) -> tuple[_Values, int]: ...

# zs: a 3-D array, or a sequence of matrices that need not be views yet. scaled, low, high: one
# matrix after the other, matrix i at offsets[i]:offsets[i + 1]; exponents: int32 (B,)
def spectrum_batch(
    zs: ArrayView | Sequence[Any], center: bool, normalize: bool, method: str
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
def rankme_bounds_batch(
    low: _Doubles, high: _Doubles, offsets: NDArray[np.int64], eps: float
) -> tuple[_Doubles, _Doubles]: ...
def rankme(singular_values: _Doubles, eps: float) -> float: ...
def rankme_bounds(low: _Doubles, high: _Doubles, eps: float) -> tuple[float, float]: ...
def spectrum_bounds(
    scaled: _Doubles, low: _Doubles, high: _Doubles, uncertainty: _Uncertainty, eps: float
) -> tuple[float, float]: ...
def symmetric_eigenvalues(a: NDArray[np.float64]) -> _Doubles: ...
def symmetric_eigenvectors(a: NDArray[np.float64]) -> tuple[_Doubles, NDArray[np.float64]]: ...
def matrix_product(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]: ...
def num_threads() -> int: ...
def set_num_threads(count: int) -> None: ...
def blas_config() -> BlasConfig: ...
def cpu_features() -> list[str]: ...
