"""Where the state of long work is shown: on a terminal, in a notebook, or as lines of a log.

Nothing here may stop the work: where an output cannot be written, it is written no more.
"""

from __future__ import annotations

import os
import sys
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Line", "State", "in_notebook", "is_live", "line_on"]

_BAR, _LEAST_BAR = 20, 5  # characters
_LEAST_LABEL = 12
_NO_COLUMNS = 80  # of a terminal that does not tell


class State(NamedTuple):
    """What is shown.

    Attributes
    ----------
    label : str
        Of what it is the state, in one line.
    share : float or None
        From 0 to 1; None where nobody knows the whole.
    amount : str
        How much that is.
    speed : str
        How fast, and how long it will take.
    """

    label: str
    share: float | None
    amount: str
    speed: str = ""

    def __str__(self) -> str:
        """Write the state in one line."""
        return f"{self.label}: {self.words}"

    @property
    def words(self) -> str:
        """Write the state without what it is of."""
        percent = "" if self.share is None else f"{100 * self.share:.0f}% of "
        return f"{percent}{self.amount}{', ' if self.speed else ''}{self.speed}"


class Line(Protocol):
    """A place that shows one state at a time.

    Attributes
    ----------
    every : float
        Seconds from one showing to the next.
    is_live : bool
        Whether it shows the present alone, and a stage that begins at once.
    """

    every: float
    is_live: bool

    def show(self, state: State) -> None:
        """Show a state in the place of the one before."""

    def clear(self) -> None:
        """Make room for a line of others."""

    def close(self, state: State, *, done: bool) -> None:
        """Show the last state, of work that is done or was stopped, where one is to stay."""


def in_notebook() -> bool:
    """Tell whether this is a kernel of Jupyter or its like, whose front end shows HTML."""
    # Where no notebook runs, IPython was not imported, and is not imported for this.
    get_shell = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return get_shell is not None and getattr(get_shell(), "kernel", None) is not None


def is_live(stream: Any) -> bool:
    """Tell whether a line of a stream can be written over: a terminal, and no dumb one."""
    try:
        return bool(stream.isatty()) and os.environ.get("TERM") != "dumb"
    except (AttributeError, OSError, ValueError):  # it is None, closed, or no file
        return False


def line_on(stream: TextIO | None) -> Line | None:
    """Return the place for this program: the notebook, else its standard error, if it has any."""
    if in_notebook():
        return _Notebook()
    if stream is None:
        return None
    return _Terminal(stream) if is_live(stream) else _Log(stream)


class _Terminal:
    """One line that is written over, and gone at the end; a carriage return is all it needs."""

    every = 0.1
    is_live = True

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._width = 0  # of what stands there

    def show(self, state: State) -> None:
        """Write the state over the one before, cut to the width."""
        from rich.cells import cell_len, set_cell_size  # noqa: PLC0415 - once there is a bar

        columns = _columns(self._stream) - 1  # in the last one some terminals begin a new line
        right = state.amount if state.share is None else f"{100 * state.share:3.0f}%"
        right += f", {state.speed}" if state.speed else ""
        bar = 0 if state.share is None else _LEAST_BAR + 1
        room = max(columns - len(right) - bar - 1, _LEAST_LABEL)
        label = set_cell_size(state.label, min(cell_len(state.label), room))
        if state.share is not None:
            rest = columns - cell_len(label) - len(right) - 2
            label += f" {self._bar(state.share, min(max(rest, _LEAST_BAR), _BAR))}"
        text = f"{label} {right}"
        width = min(cell_len(text), columns)
        before, self._width = self._width, max(self._width, width)
        _write(self._stream, f"\r{set_cell_size(text, width)}{' ' * (before - width)}")
        self._width = width

    def clear(self) -> None:
        """Write spaces over the line."""
        if self._width:
            _write(self._stream, f"\r{' ' * self._width}\r")
            self._width = 0

    def close(self, state: State, *, done: bool) -> None:  # noqa: ARG002 - it is gone
        """Take the line away."""
        self.clear()

    def _bar(self, share: float, width: int) -> str:
        """Draw the share, with what the stream can encode."""
        encoding = (getattr(self._stream, "encoding", None) or "").lower().replace("-", "")
        full, empty = "█░" if encoding == "utf8" else "#-"
        n_full = int(width * share)
        return full * n_full + empty * (width - n_full)


class _Log:
    """Lines that stay, few of them, for files and pipes."""

    every = 10.0
    is_live = False

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, state: State) -> None:
        """Write a line."""
        _write(self._stream, f"rankme: {state}\n")

    def clear(self) -> None:
        """Do nothing: each line is ended."""

    def close(self, state: State, *, done: bool) -> None:
        """Write what was done; of an error there is enough to read."""
        if done:
            self.show(state)


class _Notebook:
    """A bar of the page's own, which stays with what was done; its colours are the page's."""

    every = 0.2
    is_live = True

    def __init__(self) -> None:
        self._update: Callable[..., None] | None = None

    def show(self, state: State) -> None:
        """Show the state with a bar."""
        bar = "" if state.share is None else f'<progress value="{state.share:.4f}"></progress> '
        self._put(state, f"{escape(state.label)} {bar}{escape(state.words)}")

    def clear(self) -> None:
        """Do nothing: the outputs of a notebook have places of their own."""

    def close(self, state: State, *, done: bool) -> None:  # noqa: ARG002 - the words tell
        """Leave the last state there, if one was shown."""
        if self._update is not None:
            self._put(state, escape(str(state)))

    def _put(self, state: State, html: str) -> None:
        """Show HTML, and plain text for front ends that have none, in one place."""
        from IPython.display import display  # noqa: PLC0415 - it is running

        bundle = {"text/plain": str(state), "text/html": f"<div>{html}</div>"}
        if self._update is None:
            show: Any = display
            handle = show(bundle, raw=True, display_id=True)
            self._update = handle.update
        else:
            self._update(bundle, raw=True)


def _write(stream: TextIO, text: str) -> None:
    """Write at once."""
    stream.write(text)
    stream.flush()


def _columns(stream: TextIO) -> int:
    """Return the width of a terminal, COLUMNS before what it says itself."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    try:
        return os.get_terminal_size(stream.fileno()).columns or _NO_COLUMNS
    except (AttributeError, OSError, ValueError):
        return _NO_COLUMNS
