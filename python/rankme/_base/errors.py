"""The exceptions of rankme that are not Python's own."""

__all__ = ["IntegrityError", "NonFiniteError", "PrecisionWarning"]


class NonFiniteError(ValueError):
    """An entry of a matrix is NaN or infinite.

    Parameters
    ----------
    row, column : int
        Where the entry stands, counted from 0 in the array that was given: the first such row,
        and the first such column in it.
    value : float
        The entry: ``nan``, ``inf`` or ``-inf``.
    matrix : int, optional
        Where several matrices were given, a batch or the layers of a stack: which one, counted from
        0; the first with such an entry.
    index : tuple of int, optional
        Where the array has more than two axes: where the row stands in the others than the last.
        `row` then counts the rows in C order.

    Attributes
    ----------
    row, column : int
    value : float
    matrix : int or None
    index : tuple of int or None
    """

    def __init__(
        self,
        row: int,
        column: int,
        value: float,
        matrix: int | None = None,
        index: tuple[int, ...] | None = None,
    ) -> None:
        # Exception.args holds what __init__ needs, so that the error survives pickling.
        super().__init__(row, column, value, matrix, index)
        self.row = row
        self.column = column
        self.value = value
        self.matrix = matrix
        self.index = index

    def __str__(self) -> str:
        name = "Z" if self.matrix is None else f"Zs[{self.matrix}]"
        place = ", ".join(map(str, (*(self.index or (self.row,)), self.column)))
        return f"{name}[{place}] is {self.value}; every entry must be finite"


class IntegrityError(RuntimeError):
    """A Gram matrix disagrees with the probes that were carried along with it.

    Beside the matrix G, which is ``Z.T @ Z`` or the scatter of the rows about their mean, an
    accumulator sums ``Y = Z.T @ (Z @ X)`` for 8 seeded Gaussian vectors X, apart from G. Rounding
    can move ``||G X - Y||_F`` by no more than ``t = (2 K + b + 2 r + 8) u trace(G) ||X||_F``, where
    u is 2**-53, b the number of blocks added and r the rows of the longest; this error is raised
    beyond ``1.01 t``. (Where N < K, and on a GPU, beyond ``(4 K + 4 b + 4 r + 16) u trace(G)
    ||X||_F``.) Rounding alone never raises it. A fault of size f in one entry of G, a flipped bit
    or a wrong product, raises it with a probability above 1 - 1e-6 where ``|f| > 6 t``; a smaller
    one widens the bounds of the spectrum. The trace of G is held against the squares of all
    entries, summed apart, which shows what is lost across all of the vectors; the mean of the rows
    is held against their sum along the same vectors in the same way. It is also raised where an
    eigenvalue is further below zero than rounding explains.
    """


class PrecisionWarning(UserWarning):
    """The exact score may differ from the computed one by more than a thousandth of it."""
