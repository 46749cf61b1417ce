"""Rows in any number of blocks, merged in any order: the streaming face."""

from __future__ import annotations

from typing import TYPE_CHECKING, SupportsIndex

import numpy as np

from rankme import _core
from rankme._accumulators.asked import AskedSum
from rankme._accumulators.dealt import RUN_LENGTH, Deal, DealtRows
from rankme._accumulators.held import KINDS
from rankme._accumulators.masks import in_full, rows_that_count
from rankme._accumulators.provenance import NOWHERE, Provenance, encoded_ids
from rankme._accumulators.shards import decoded, encoded
from rankme._accumulators.skipped import NOTHING, SkippedCounter, finite_rows
from rankme._base.arguments import MAX_DIM, MAX_SEED, as_index, as_method, type_name
from rankme._base.arrays import is_tensor
from rankme._base.devices import as_device, as_precision, place_of
from rankme._base.errors import NonFiniteError
from rankme._base.notebook import card
from rankme._base.tags import as_tags
from rankme._base.threads import require_budget
from rankme.sources._block_stream import BlockStream
from rankme.sources.memory import array_of, as_rows, is_one_shot_table

if TYPE_CHECKING:
    from rankme._base.tags import Tags

__all__ = ["Accumulator"]


class Accumulator(AskedSum):
    """Streaming RankMe: rows come in blocks of any size, and only K x K numbers are kept.

    With ``method="gram"`` it holds the Gram matrix ``Z.T @ Z`` of all rows seen and their column
    sums, in float64 whatever the input, with a common power-of-two scale, so that neither 1e200
    nor 1e-200 spoils it; and beside them ``Y = Z.T @ (Z @ X)`` for 8 Gaussian probes X, summed
    apart, which tell how far the matrix can be trusted. With ``method="qr"`` it holds the
    triangular factor of ``[1 Z] = Q R``, at about three times the work, and sees singular values
    far below 1e-8 of the largest. Accumulators of the same `dim`, `normalize`, `method` and `seed`
    form a commutative monoid under `merge`: rows may be split over threads, processes and machines
    and reduced in any order.

    Rows may come under the id of a shard, a file for example. The accumulator then knows how many
    rows of which shards it holds, wherever it is saved, sent or copied to, and refuses to merge
    with one that holds rows of the same shard.

    One accumulator may be updated from several threads; every method is safe to call meanwhile.

    Parameters
    ----------
    dim : int
        K, the length of a row; 1 or more.
    normalize : bool
        Divide each row by its Euclidean norm as it comes; a zero row stays zero.
    method : {"gram", "qr"}
        What is kept of the rows.
    seed : int
        Of the probes, 0 to 2**64 - 1; ``method="qr"`` has none. The same on every machine. It
        chooses no rows, as the `seed` of `rankme.score` does.
    device : {"cpu", "cuda", "cuda:1", ...}
        Where the sums lie and the work is done; ``"cuda"`` is ``"cuda:0"``. A GPU takes arrays that
        lie on it without a copy, and streams those in host memory to itself.
    precision : {"float64", "fast"}
        ``"fast"``, with ``method="gram"``, multiplies in float32 and sums in float64 over short
        ranges of rows. The probes, in float64 as ever, measure what that costs, and the interval of
        the result says it. On the CPU: float32, float16 and bfloat16 rows less their mean. The
        first 256 rows decide about those to come, which are in float64 where RankMe would be less
        certain than 1e-4 of it; `fast_rows` tells. On a GPU: float16 and bfloat16 rows, on the
        tensor cores, as they are. Everything else (float64 rows; on a GPU float32 ones and
        `normalize`; entries that need a scale) is computed in float64 all the same.
    skip_nonfinite : bool
        Leave out rows that hold NaN or infinity, and count them in `n_skipped`, which is merged and
        saved with the sums. By default such a row is an error.
    tags : mapping, optional
        Where the rows come from, as `tags` has it.
    groups : int, optional
        Keep a sum for each of so many groups, 8 or more, so that `estimate` can tell how far other
        samples would be from the score; 16 is usual. Rows are dealt in runs of `run_length` over
        the whole stream, run i to group i mod `groups`, however they are cut into blocks; rows that
        are left out are not counted. It takes ``4 * groups * dim**2`` bytes. With
        ``method="gram"`` on the CPU: groups have not been built for GPUs.
    run_length : int
        With `groups`: rows of one run, 32. Longer than the stretch over which neighbours belong
        together, as the tokens of a sequence do: 1024 for sequences of a few hundred.

    Raises
    ------
    TypeError
        If `dim`, `seed`, `groups` or `run_length` is no integer.
    ValueError
        If `dim` is less than 1 or beyond LAPACK's 32-bit integers, if `seed` is out of range, if
        `method` is another one, or if ``RANKME_NUM_THREADS`` was set to something else than a
        positive integer; if `device` or `precision` is none of the above, or if `precision` is
        ``"fast"`` with ``method="qr"``; if `groups` is less than 8, or is given with
        ``method="qr"``, ``precision="fast"`` or a GPU.
    MemoryError
        If there is no room for dim x dim numbers; the text tells how much was wanted.
    ImportError
        If `device` is a GPU and the CUDA module or its libraries are missing; the text says what
        to do.
    RuntimeError
        If there is no such GPU, or if this process was forked from one that had used CUDA.

    Examples
    --------
    >>> import numpy as np
    >>> import rankme
    >>> acc = rankme.Accumulator(dim=4)
    >>> for block in np.split(np.eye(4), 2):
    ...     acc.update(block)
    >>> acc.n_rows, round(acc.score(eps=0), 6)
    (4, 4.0)
    """

    __slots__ = ()

    def __init__(
        self,
        dim: SupportsIndex,
        *,
        normalize: bool = False,
        method: str = "gram",
        seed: SupportsIndex = 0,
        device: str = "cpu",
        precision: str = "float64",
        skip_nonfinite: bool = False,
        tags: Tags | None = None,
        groups: SupportsIndex | None = None,
        run_length: SupportsIndex = RUN_LENGTH,
    ) -> None:
        require_budget()
        as_method(method, tuple(KINDS))
        size = as_index(dim, "dim", 1, MAX_DIM)
        number = as_index(seed, "seed", 0, MAX_SEED)
        self._method = method
        self._device = as_device(device)
        self._precision = as_precision(precision, method)
        self._skipped = SkippedCounter(NOTHING._replace(allowed=bool(skip_nonfinite)))
        self._provenance = Provenance(NOWHERE._replace(tags=as_tags({} if tags is None else tags)))
        if groups is not None:
            deal = Deal(groups, run_length)
            self._require_groups_here()
            sums = _core.GroupSums(size, deal.groups, bool(normalize), number)
            self._core = DealtRows(sums, deal)
            return
        seeds = (number,) if method == "gram" else ()
        kind, options = self._kind()
        self._core = kind(size, bool(normalize), *seeds, **options)

    def update(
        self,
        Z: object,  # noqa: N803
        *,
        shard: str | None = None,
        ids: object = None,
        mask: object = None,
        column: str | None = None,
    ) -> None:
        """Take in more rows.

        Parameters
        ----------
        Z : array, list, Series, table or column
            Shape (n, dim), or with a `mask` any shape (..., dim); float16, bfloat16, float32 or
            float64; any strides; whatever in memory `rankme.score` takes as one set. An array is
            read where it lies and never copied as a whole; what lies in several pieces is put into
            one. No rows change nothing. An Arrow stream, as a relation of DuckDB or a reader of
            record batches, is read batch by batch into a second sum, which is merged at its end.
        shard : str, optional
            The id of the shard that the rows belong to: any text that names the shard wherever it
            is read. The rows and their entry in `shards` come together or not at all.
        ids : list or array of int or str, optional
            Of each row, what it was made of, such as its number in the data set: `fingerprint`. It
            takes about two microseconds a row. With a `mask` of the same length: those of rows that
            are left out are not taken.
        mask : array or tensor, optional
            The shape of `Z` without its last axis, such as (n,), or (n, T) for tokens (n, T, dim):
            which rows count. Booleans, or integers that are 0 and 1, as an ``attention_mask`` is.
            The others are not read, may hold anything and are not counted; it is as if they were
            not there. ``Z[mask]`` gives the same sums, and a copy; here a number is kept for each
            row. Tensors on a GPU are indexed there.
        column : str, optional
            Which column of a table or Arrow stream holds the vectors, where several could be meant.

        Raises
        ------
        TypeError
            If `Z` is no array, is a masked array, requires a gradient or has another dtype, if
            `shard` is no text, or if `ids` or `mask` are something else; if `Z` is an Arrow stream
            and `ids`, `mask` or groups are asked for.
        BufferError, ImportError
            If the producer of `Z` cannot export it, or if it lies on a CUDA device and rankme has
            no CUDA module here.
        ValueError
            If `Z` is not 2-D, contradicts itself, has another width or lies on another GPU than the
            sums; if there are more or fewer `ids` than rows; if `mask` has another shape, or holds
            other integers; if `Z` is an Arrow stream and there are rows of its `shard` already; if
            the columns of a table, a dimension each, have another order than in a call before.
        NonFiniteError
            If an entry is NaN or infinite: a ValueError that names the first one. Not with
            `skip_nonfinite`.

        Notes
        -----
        After an error the accumulator is what it was before the call, bit for bit. The one
        exception: where another thread writes NaN or infinity into `Z` while it is being read, a
        RuntimeError says so, and `reset` is then all that the accumulator can do. On a GPU `Z` is
        read after what was queued on its own stream, and when the call returns it has been read.
        """
        if not isinstance(Z, np.ndarray) and is_one_shot_table(Z):
            self._update_streamed(Z, column, shard, plain=ids is None and mask is None)
            return
        if column is not None:
            Z = array_of(Z, column=column, nulls=self.skip_nonfinite)  # noqa: N806
        of = None if shard is None else encoded(shard)
        rows, keep = rows_that_count(Z, mask, nulls=self.skip_nonfinite)
        matrix = as_rows(rows, of=Z, empty=True)
        place_of(matrix.device, self._device, "Z")
        names = self._provenance.take_columns(Z, matrix.shape[1])
        known = None if ids is None else encoded_ids(ids, matrix.shape[0], keep)
        if matrix.shape[0] == 0:
            self._check_width(matrix.shape[1], Z)
            return
        try:
            groups = self._core.update(matrix, of)
        except NonFiniteError as error:
            if not self.skip_nonfinite:
                raise in_full(error, keep) from None
            # Their ids are not taken in, so that there is no fingerprint: which rows are left is
            # not known here.
            self._update_finite(rows, matrix, of)
            known = None
        self._provenance.keep_columns(names)
        if known is not None:
            self._provenance.add(known, groups)

    def _update_streamed(
        self, stream: object, column: str | None, shard: str | None, *, plain: bool
    ) -> None:
        """Take in an Arrow stream, of which an error in its last batch leaves nothing behind."""
        if not plain or self.groups is not None:
            raise TypeError(
                "ids, mask and groups go with rows whose number is known, and Z is an Arrow "
                "stream: update with its batches one by one, or with its table as a whole"
            )
        if shard is not None and shard in self.shards:
            raise ValueError(
                f"there are rows of the shard {shard!r} already, and an Arrow stream is taken in "
                f"as a whole: name it otherwise, or update with its batches one by one"
            )
        total = self.copy()  # of the same seed and kind
        total.reset()
        first = 0
        for block in BlockStream(stream, column=column, nulls=self.skip_nonfinite):
            try:
                total.update(block, shard=shard)
            except NonFiniteError as error:
                raise NonFiniteError(first + error.row, error.column, error.value) from error
            first += block.shape[0]
        self.merge(total)

    def _check_width(self, width: int, of: object) -> None:
        """Refuse an array without rows whose columns would not do; an empty list has no width."""
        unknown = width == 0 and not isinstance(of, np.ndarray) and not is_tensor(of)
        if width != self.dim and not unknown:
            raise ValueError(f"Z has {width} columns, the accumulator has dim {self.dim}")

    def _update_finite(self, rows: object, matrix: _core.ArrayView, shard: bytes | None) -> None:
        """Take in the finite rows, and count the others, as one step."""
        kept, skipped = finite_rows(rows, matrix)
        shards = {} if shard is None else decoded({shard: skipped})
        with self._skipped.lock:
            if kept.shape[0]:
                self._core.update(kept, shard)
            self._skipped.add(skipped, shards)

    def merge(self, other: Accumulator) -> None:
        """Take in the rows of another accumulator, which stays as it is; also ``self += other``.

        Parameters
        ----------
        other : Accumulator
            Of the same `dim`, `normalize`, `method`, `seed`, `groups` and `run_length`, on any
            device. Groups are merged one by one, and rows that come later are dealt from where this
            accumulator was.

        Raises
        ------
        TypeError
            If `other` is no accumulator.
        ValueError
            If one of these differs, if both hold rows of the same shard, which is then named, or if
            a tag that both have differs. Nothing has changed then.
        """
        if not isinstance(other, Accumulator):
            raise TypeError(f"other must be a rankme.Accumulator, not {type_name(other)}")
        if other.method != self.method:
            raise ValueError(
                f"cannot merge accumulators of method {self.method!r} and method {other.method!r}"
            )
        self._require_like_groups(other, "accumulators")
        if other.device != self.device:
            other = other.copy(device=self.device)
        with other._skipped.lock:  # noqa: SLF001
            theirs = other._skipped.snapshot()  # noqa: SLF001
        origin = other._provenance.origin  # noqa: SLF001
        self._provenance.tags_with(origin.tags)  # before the sums
        with self._skipped.lock:
            self._core.merge(other._core)  # noqa: SLF001
            self._skipped.add(theirs.rows, theirs.shards)
        self._provenance.merge(origin)

    def _repr_html_(self) -> str:
        """Show it in notebooks; nothing is computed for it."""
        return card(
            "Accumulator",
            {
                "rows so far": self.n_rows,
                "columns": self.dim,
                "normalised": "yes" if self.normalize else "no",
                "method": self.method,
                "device": self.device,
                "precision": self.precision,
                **({} if self.groups is None else {"groups": self.groups}),
            },
        )

    def __repr__(self) -> str:
        place = "" if self.device == "cpu" else f", device={self.device!r}"
        arithmetic = "" if self.precision == "float64" else f", precision={self.precision!r}"
        dealt = "" if self.groups is None else f", groups={self.groups}"
        return (
            f"Accumulator(dim={self.dim}, normalize={self.normalize}, method={self.method!r}"
            f"{place}{arithmetic}{dealt}): {self.n_rows} rows"
        )
