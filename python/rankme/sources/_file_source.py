"""Sources whose rows lie in one file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rankme.sources._source import RowSource

if TYPE_CHECKING:
    from rankme.sources._bytes.files import DataFile
    from rankme.sources._source import Identity

__all__ = ["FileSource"]


class FileSource(RowSource):
    """One matrix of a file.

    Attributes
    ----------
    file : DataFile
    column : str or None
        Which of several matrices of the file this one is.
    """

    file: DataFile
    column: str | None

    @property
    def name(self) -> str:  # type: ignore[override]
        """Path or URL, as it is shown."""
        return self.file.name

    @property
    def identity(self) -> Identity:  # type: ignore[override]
        """Of the file, and which matrix of it."""
        return self.file.identity(self.column)

    def check_unchanged(self) -> None:
        """Ask the file."""
        self.file.check_unchanged()
