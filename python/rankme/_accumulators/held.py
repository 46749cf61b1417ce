"""What an accumulator holds: the compiled sum of its rows, where it lies, and how it is kept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rankme import _core
from rankme._accumulators import state_file
from rankme._accumulators.dealt import DealtRows, require_float64, restored_rows, state_with_groups
from rankme._accumulators.in_groups import InGroups
from rankme._accumulators.monoid import Monoid
from rankme._accumulators.provenance import Provenance
from rankme._accumulators.shards import decoded, encoded
from rankme._accumulators.skipped import SkippedCounter
from rankme._accumulators.state_header import kind_of
from rankme._base.devices import as_device, module_of
from rankme._base.tags import as_tags
from rankme._base.threads import require_budget
from rankme.metrics._columns import column_std

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import NDArray
    from typing_extensions import Self

    from rankme._base.tags import Tags

__all__ = ["KINDS", "HeldSum"]

KINDS = {"gram": "GramAccumulator", "qr": "QrAccumulator"}  # in _core and in _cuda


class HeldSum(InGroups, Monoid):
    """The sum in the compiled core, and the bytes that it is saved and sent as."""

    __slots__ = ("_core", "_device", "_method", "_precision", "_provenance", "_skipped")
    _core: Any  # of KINDS
    _device: str
    _method: str
    _precision: str
    _provenance: Provenance
    _skipped: SkippedCounter

    @property
    def dim(self) -> int:
        """K, the length of a row."""
        return int(self._core.dim)

    @property
    def normalize(self) -> bool:
        """Whether each row is divided by its Euclidean norm as it comes."""
        return bool(self._core.normalize)

    @property
    def method(self) -> str:
        """What is kept of the rows: ``"gram"`` or ``"qr"``."""
        return self._method

    @property
    def device(self) -> str:
        """Where the sums lie: ``"cpu"``, or ``"cuda:0"`` and so on."""
        return self._device

    @property
    def precision(self) -> str:
        """How rows are to be multiplied: ``"float64"`` or ``"fast"``."""
        return self._precision

    @property
    def fast_rows(self) -> int:
        """How many of the rows so far were multiplied in less than float64.

        With ``precision="fast"`` the first rows decide about the others; what comes in more than
        float32 has, or is not suited, is in float64 all the same. On a GPU merged rows are not
        counted.
        """
        return int(getattr(self._core, "fast_rows", 0))

    @property
    def n_rows(self) -> int:
        """How many rows were taken in, over all updates and merges."""
        return int(self._core.n_rows)

    @property
    def n_skipped(self) -> int:
        """How many rows were left out by ``skip_nonfinite``, over all updates and merges."""
        return self._skipped.rows

    @property
    def skip_nonfinite(self) -> bool:
        """Whether rows with NaN or infinity are left out; else they are an error."""
        return self._skipped.allowed

    @property
    def shards(self) -> dict[str, int]:
        """How many rows came from each shard, by its id: a snapshot.

        Rows that were taken in without an id are not in it.
        """
        return decoded(self._core.shards)

    def column_std(self) -> NDArray[np.float64]:
        """Return the standard deviation of each column of the rows so far, in the one pass.

        ``sqrt(sum_i (z_ij - mean_j)^2 / (N - 1))``, as of ``numpy.std(axis=0, ddof=1)``. With
        ``normalize=True`` its mean is the collapse check of SimSiam, `rankme.metrics.unit_std`: 0
        of rows that are all alike, ``1 / sqrt(K)`` of rows spread evenly over the sphere. A column
        that is 0 is a dead one.

        Returns
        -------
        numpy.ndarray
            Shape (dim,), float64, in the unit of the entries. On a GPU, where squares are not
            summed about the mean, a deviation below 1e-8 of the mean is rounding.

        Raises
        ------
        ValueError
            If there are fewer than 2 rows.
        """
        state = self._state()
        return column_std(state.kind, state.n_rows, state.numbers, state.arrays)

    def reset(self) -> None:
        """Forget all rows; what the accumulator was made with stays."""
        with self._skipped.lock:
            self._core.reset()
            self._skipped.reset()
            self._provenance.reset()

    def copy(self, *, device: str | None = None) -> Self:
        """Return an independent accumulator in the same state, bit for bit.

        Parameters
        ----------
        device : str, optional
            Where the copy lies; by default where this one does. A copy on another device has
            `precision` ``"float64"``, whatever went into its sums before. What was summed in
            float32 on the CPU stays there.

        Returns
        -------
        Accumulator

        Raises
        ------
        ValueError, ImportError, RuntimeError, MemoryError
            As the class does for `device`; a ValueError too for a GPU where `fast_rows` are among
            those of the CPU.
        IntegrityError
            If rows were multiplied in float32 and the matrix disagrees with its probes.
        """
        target = self._device if device is None else as_device(device)
        precision = self._precision if target == self._device else "float64"
        return self._from_state(self._state(), target, precision)

    @property
    def tags(self) -> Tags:
        """Where the rows come from: such as model, step, layer, split and data.

        Texts as keys, and texts, numbers or booleans as values. Saved and copied with the sums;
        `merge` keeps the tags of both sides, and refuses a key that has another value there. May be
        set. `rankme.compare` refuses runs that differ in ``layer``, ``tap``, ``split`` or ``data``.
        Rows of tables with a column for each dimension add ``rankme.dimensions``, which names them.
        """
        return dict(self._provenance.tags)

    @tags.setter
    def tags(self, tags: Tags) -> None:
        """Put other tags in the place of all."""
        self._provenance.tags = as_tags(tags)

    @property
    def fingerprint(self) -> str | None:
        """Hash of the ids of all rows in their places; None unless every row came with one.

        With `groups` a place is a group: accumulators with the same fingerprint hold rows of the
        same inputs in the same groups, whatever the calls, saves and merges were. Without, it is
        the number of the row in the stream that took it in: the same inputs in the same order, or
        merged of streams that had them so.
        """
        origin = self._provenance.origin
        return origin.digest if origin.n_ids == self.n_rows > 0 else None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state to a file, whole or not at all.

        A crash meanwhile leaves the old file or the new one, each complete.

        Parameters
        ----------
        path : str or os.PathLike
            An existing file is replaced and keeps its permissions. About ``4 * dim**2`` bytes,
            for each of `groups` where there are some; the format is specified in the documentation.

        Raises
        ------
        OSError
            If it cannot be written, or if `path` is there and no regular file.
        """
        state_file.write(path, self._state())

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: str = "cpu") -> Self:
        """Return the accumulator that `save` wrote.

        Parameters
        ----------
        path : str or os.PathLike
        device : {"cpu", "cuda", "cuda:1", ...}
            Where it is to lie. The file does not say where it lay.

        Returns
        -------
        Accumulator
            In the saved state, bit for bit.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If it is no saved accumulator, was written by a newer rankme, is truncated or was
            changed, or if ``RANKME_NUM_THREADS`` was set to something else than a positive integer.
        MemoryError
            If there is no room for dim x dim numbers.
        ImportError, RuntimeError
            As the class does for `device`.
        """
        target = as_device(device)  # before the file is read
        state = state_file.read(path)
        return cls._from_state(state, target, state.precision)

    def __getstate__(self) -> bytes:
        return state_file.encode(self._state())

    # A pickle holds sums and no GPU: what is unpickled lies on the CPU, since whoever reduces the
    # parts of a job need not have the GPUs that made them.
    def __setstate__(self, state: bytes) -> None:
        held = state_file.decode(state, "pickled rankme.Accumulator")
        self._restore(held, "cpu", held.precision)

    def _kind(self) -> tuple[Any, dict[str, Any]]:
        """Return the compiled class, and the arguments that only that of a GPU takes."""
        name = KINDS[self._method]
        options: dict[str, Any] = {}
        if self._method == "gram":
            options["precision"] = self._precision
        if self._device == "cpu":
            return getattr(_core, name), options
        module, index = module_of(self._device)
        return getattr(module, name), {"device": index, **options}

    def _require_groups_here(self) -> None:
        """Refuse groups where they have not been built."""
        if self._method != "gram":
            raise ValueError(
                f"groups are kept with method='gram' and not {self._method!r}: leave out one "
                f"of the two"
            )
        require_float64(self._precision)
        if self._device != "cpu":
            raise ValueError(
                f"groups are kept on the CPU and not on {self._device}, for which they have not "
                f"been built: leave out groups, or device; rows on a GPU go as Z.cpu()"
            )

    def _state(self) -> state_file.State:
        """Return all that is held, of one instant."""
        # One call of the core, so that rows and shards are those of one instant.
        with self._skipped.lock:
            if isinstance(self._core, DealtRows):
                dealt = state_with_groups(self._core)
                return dealt._replace(
                    skipped=self._skipped.snapshot(), origin=self._provenance.origin
                )
            n_rows, numbers, arrays, shards = self._core.state()
            skipped = self._skipped.snapshot()
        return state_file.State(
            kind_of(self.method, numbers, arrays),
            self.dim,
            self.normalize,
            n_rows,
            numbers,
            arrays,
            decoded(shards),
            skipped=skipped,
            origin=self._provenance.origin,
        )

    @classmethod
    def _from_state(cls, state: state_file.State, device: str, precision: str) -> Self:
        """Make one that holds a state."""
        new = cls.__new__(cls)
        new._restore(state, device, precision)  # noqa: SLF001
        return new

    def _restore(self, state: state_file.State, device: str, precision: str) -> None:
        """Hold a state, on a device."""
        require_budget()
        self._method = state.method
        self._device = device
        self._precision = precision
        self._skipped = SkippedCounter(state.skipped)
        self._provenance = Provenance(state.origin)
        if state.groups is not None:
            self._require_groups_here()
            self._core = restored_rows(state)
            return
        kind, options = self._kind()
        self._core = kind.from_state(
            state.dim,
            state.normalize,
            state.n_rows,
            state.numbers,
            state.arrays,
            shards={encoded(shard): rows for shard, rows in state.shards.items()},
            **options,
        )
