"""All layers of a network at once: a stack of streams that grow together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex

from rankme._accumulators.dealt import RUN_LENGTH, Deal
from rankme._accumulators.dealt_layers import DealtLayers
from rankme._accumulators.held_layers import METHOD, HeldStack
from rankme._accumulators.layer import StackLayer
from rankme._accumulators.masks import as_layers, as_mask, in_full, require_layers, shapes_of
from rankme._accumulators.stack_cores import empty_core, require_alike, sizes_of
from rankme._base.arguments import MAX_SEED, as_eps, as_index, type_name
from rankme._base.devices import as_device, as_precision
from rankme._base.errors import NonFiniteError
from rankme._base.threads import require_budget
from rankme.metrics._certainty import scores_of
from rankme.metrics._estimate import estimate_of, require_filled
from rankme.metrics._spectrum import Spectrum

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from rankme.metrics._estimate import Estimate

__all__ = ["LayerAccumulator"]


class LayerAccumulator(HeldStack):
    """Streaming RankMe of L layers at once, from hidden states that arrive by batch.

    Every layer keeps what a `rankme.Accumulator` of the method ``"gram"`` keeps, one K x K matrix
    in float64, whatever the number of rows. Threads share out the layers, so that there is no
    second matrix to a layer; only where threads are more than layers do they split rows, and may
    then take as much memory again (or 32 MiB). Stacks of the same `n_layers`, `dim`, `normalize`
    and `seed` form a commutative monoid under `merge`.

    One stack may be updated from several threads; every method is safe to call meanwhile. What
    looks at all layers sees them at one instant: updates wait for it.

    ``len(acc)`` is L, and ``acc[l]`` is layer l as a `rankme.Accumulator` to look at: a copy, which
    later updates of the stack do not reach and which takes in no rows; ``acc[l].copy()`` does.

    Parameters
    ----------
    n_layers : int, optional
        L, 1 or more.
    dim : int, optional
        K, the length of a row in every layer; 1 or more.
    dims : sequence of int, optional
        In the place of both: the length of a row in each layer, where they differ.
    normalize : bool
        Divide each row by its Euclidean norm as it comes; a zero row stays zero.
    seed : int
        Of the probes, which all layers share, 0 to 2**64 - 1. It chooses no rows, as the `seed` of
        `rankme.score` does.
    precision : {"float64", "fast"}
        As in `rankme.Accumulator`; the first 256 rows of each layer decide about the others.
    groups, run_length
        As in `rankme.Accumulator`, for `estimates`: the rows of every layer are dealt alike. It
        takes ``4 * n_layers * groups * dim**2`` bytes.
    device : {"cpu", "cuda", "cuda:1", ...}
        Where the sums lie, as in `rankme.Accumulator`. On a GPU there is a second matrix to a
        layer, and there are no `groups`.

    Raises
    ------
    TypeError
        If `n_layers`, `dim`, `dims`, `seed`, `groups` or `run_length` is no integer, or if neither
        `dims` nor the two before it are given, or both are.
    ValueError
        If one of them is out of range, if `precision` is another one or is ``"fast"`` with
        `groups`, or if ``RANKME_NUM_THREADS`` was set to something else than a positive integer; if
        `groups` are given with a GPU.
    MemoryError
        If there is no room for L x K x K numbers.
    ImportError, RuntimeError
        As `rankme.Accumulator` does for `device`.

    Examples
    --------
    >>> import numpy as np
    >>> import rankme
    >>> acc = rankme.LayerAccumulator(n_layers=2, dim=4)
    >>> for batch in range(3):
    ...     acc.update([np.eye(4), np.ones((4, 4))])
    >>> acc.n_rows
    12
    >>> acc.score(eps=0).round(6)
    array([4., 1.])
    """

    __slots__ = ()

    def __init__(
        self,
        n_layers: SupportsIndex | None = None,
        dim: SupportsIndex | None = None,
        *,
        dims: Sequence[SupportsIndex] | None = None,
        normalize: bool = False,
        seed: SupportsIndex = 0,
        precision: str = "float64",
        groups: SupportsIndex | None = None,
        run_length: SupportsIndex = RUN_LENGTH,
        device: str = "cpu",
    ) -> None:
        require_budget()
        sizes = sizes_of(n_layers, dim, dims)
        number = as_index(seed, "seed", 0, MAX_SEED)
        self._device = as_device(device)
        self._precision = as_precision(precision, METHOD)
        self._core = empty_core(
            sizes,
            None if groups is None else Deal(groups, run_length),
            self._device,
            normalize=bool(normalize),
            seed=number,
            precision=self._precision,
        )

    def update(self, Zs: Any | Sequence[Any], *, mask: object = None) -> None:  # noqa: N803
        """Take in more rows of every layer.

        Parameters
        ----------
        Zs : array or sequence of array
            Shape (n_layers, n, dim), or n_layers arrays of shape (n, dim), each of the width of its
            layer; any that `rankme.Accumulator.update` takes. Arrays are read block by block and
            never copied as a whole. No rows (n = 0) change nothing.
        mask : array or tensor, optional
            As in `rankme.Accumulator.update`, one for all layers: (n,), or for tokens (n, T).

        Raises
        ------
        TypeError
            If `Zs` is neither, or if a layer is no array, is masked or has another dtype.
        ValueError
            If there are more or fewer layers, if one is not 2-D, is empty, has another width or not
            as many rows as the others.
        NonFiniteError
            If an entry is NaN or infinite: a ValueError that names the first layer with one, and
            the first one in it.

        Notes
        -----
        After an error every layer is what it was before the call, bit for bit. The one exception is
        that of `rankme.Accumulator.update`: another thread that writes NaN or infinity into `Zs`
        while it is being read.
        """
        keep = None if mask is None else as_mask(mask)
        layers = as_layers(Zs, keep)
        shapes = shapes_of(layers)
        require_layers(len(shapes), self.n_layers)
        if shapes == [(0, dim) for dim in self.dims]:
            return
        core: Any = self._core
        try:
            core.update(layers)
        except NonFiniteError as error:
            raise in_full(error, keep) from None

    def merge(self, other: LayerAccumulator) -> None:
        """Take in the rows of another stack, which stays as it is; also ``self += other``.

        Parameters
        ----------
        other : LayerAccumulator
            Of the same `dims`, `normalize`, `seed`, `groups` and `run_length`, on any device.

        Raises
        ------
        TypeError
            If `other` is no stack.
        ValueError
            If one of these differs. Nothing has changed then.
        """
        if not isinstance(other, LayerAccumulator):
            raise TypeError(f"other must be a rankme.LayerAccumulator, not {type_name(other)}")
        self._require_like_groups(other, "stacks")
        require_alike(self._core, other._core)
        if other.device != self.device:
            other = other.copy(device=self.device)
        core: Any = self._core
        core.merge(other._core)  # noqa: SLF001

    def spectrum(self, layer: SupportsIndex, *, center: bool = False) -> Spectrum:
        """Singular values of one layer's rows so far; the stream may go on.

        Parameters
        ----------
        layer : int
            From 0, or from -1 downwards for the last ones.
        center : bool
            Subtract the column means of the layer.

        Returns
        -------
        Spectrum
            With min(n_rows, dim) singular values.

        Raises
        ------
        TypeError
            If `layer` is no integer.
        IndexError
            If there is no such layer.
        ValueError
            If there are no rows yet.
        IntegrityError
            If the Gram matrix disagrees with its probes.
        RuntimeError
            If LAPACK fails; the text names the routine.
        """
        number = self._index(layer)
        values, n_rows = self._core.spectrum(number, bool(center))
        return self._spectrum_of(
            number, values, n_rows, self.fast_rows[number], center=bool(center)
        )

    def spectra(self, *, center: bool = False) -> list[Spectrum]:
        """Singular values of every layer, all of the same rows; the stream may go on.

        Parameters
        ----------
        center : bool
            Subtract the column means of each layer.

        Returns
        -------
        list of Spectrum
            One a layer, with min(n_rows, dim) singular values each.

        Raises
        ------
        ValueError, IntegrityError, RuntimeError
            As `spectrum`.
        """
        values, n_rows = self._core.spectra(bool(center))
        return [
            self._spectrum_of(number, layer, n_rows, fast_rows, center=bool(center))
            for number, (layer, fast_rows) in enumerate(zip(values, self.fast_rows, strict=True))
        ]

    def score(self, *, eps: float = 1e-7, center: bool = False) -> NDArray[np.float64]:
        """RankMe of every layer, all of the same rows; the stream may go on.

        Parameters
        ----------
        eps : float
            As in `rankme.score`.
        center : bool
            Subtract the column means of each layer.

        Returns
        -------
        numpy.ndarray
            Shape (n_layers,), float64.

        Warns
        -----
        PrecisionWarning
            Once, naming the layers, if an interval that holds the exact value is wider than a
            thousandth of the score.

        Raises
        ------
        TypeError
            If `eps` is no real number.
        ValueError
            If there are no rows yet, or if `eps` is outside 0 to 1.
        IntegrityError, RuntimeError
            As `spectrum`.
        """
        checked_eps = as_eps(eps)  # before the work, not after it
        return scores_of(self.spectra(center=center), checked_eps, stacklevel=2)

    def estimates(self, *, eps: float = 1e-7, center: bool = False) -> list[Estimate]:
        """RankMe of every layer with its sampling error; the stream may go on.

        Parameters
        ----------
        eps, center
            As in `score`.

        Returns
        -------
        list of Estimate
            One a layer, all of the same rows in the same groups: the error of a difference of two
            layers can be had from them.

        Warns
        -----
        PrecisionWarning
            As `rankme.estimate`, for each layer.

        Raises
        ------
        TypeError, ValueError, IntegrityError, RuntimeError
            As `rankme.Accumulator.estimate`.
        """
        core = self._core
        if not isinstance(core, DealtLayers):
            raise ValueError(  # noqa: TRY004
                "the stack keeps no groups of rows to leave out; make it with groups, as "
                "rankme.LayerAccumulator(n_layers, dim, groups=16), before it takes in rows"
            )
        checked_eps = as_eps(eps)  # before the work, not after it
        require_filled(core.group_rows(), self.run_length)
        results = []
        dealt = self._dealt()
        found = core.leave_out_spectra(center=bool(center))
        for number, (values, rows, left_out) in enumerate(found):
            whole = self._spectrum_of(number, values, int(rows.sum()), 0, center=bool(center))
            results.append(estimate_of(whole, rows, left_out, dealt, checked_eps, stacklevel=2))
        return results

    def __len__(self) -> int:
        return self.n_layers

    def __getitem__(self, layer: SupportsIndex) -> StackLayer:
        number = self._index(layer)
        return StackLayer._from_state(self._state(number), "cpu", "float64")  # noqa: SLF001

    def __repr__(self) -> str:
        dims = self.dims
        alike = f"n_layers={self.n_layers}, dim={dims[0]}"
        place = "" if self.device == "cpu" else f", device={self.device!r}"
        return (
            f"LayerAccumulator({alike if len(set(dims)) == 1 else f'dims={dims}'}, "
            f"normalize={self.normalize}{place}): {self.n_rows} rows"
        )

    def _spectrum_of(
        self, layer: int, values: Any, n_rows: int, fast_rows: int, *, center: bool
    ) -> Spectrum:
        """Return the spectrum of a layer from its singular values."""
        precision = "fast" if fast_rows else "float64"
        return Spectrum(
            n_rows, self.dims[layer], center, self.normalize, METHOD, *values, precision=precision
        )
