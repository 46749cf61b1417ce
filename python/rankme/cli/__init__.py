"""The ``rankme`` command.

Exit status: 0 done, 1 bad data, 2 wrong usage, 130 interrupted, 141 the reader of standard output
went away. Every error is one line on standard error.
"""

from __future__ import annotations

import glob
import io
import os
import shlex
import sys
from typing import Annotated, TextIO

import typer
from typer.main import get_command

from rankme.cli import _bench, _compare, _info, _merge, _score, _watch
from rankme.cli._text import Output, OutputError, print_error

__all__ = ["main"]

FAILED = 1
USAGE = 2
INTERRUPTED = 130  # 128 + SIGINT, and 128 + SIGPIPE below, as a shell reports them
PIPE_CLOSED = 141

# The root of click's usage errors. Recent typer carries click inside, so that the class has no
# public name that every supported version shares.
_CommandLineError: type[Exception] = next(
    base for base in reversed(typer.BadParameter.__mro__) if hasattr(base, "format_message")
)

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    """Print the version and exit."""
    if value:
        from rankme import __version__  # noqa: PLC0415

        sys.stdout.write(f"rankme {__version__}\n")
        raise typer.Exit


@app.callback(help="RankMe: how good is a set of embeddings, without a label.")
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Take the options that stand before a command."""


app.command("score", help=_score.HELP)(_score.score)
app.command("compare", help=_compare.HELP)(_compare.compare)
app.command("merge", help=_merge.HELP)(_merge.merge)
app.command("watch", help=_watch.HELP)(_watch.watch)
app.command("info", help=_info.HELP)(_info.info)
app.command("bench", help=_bench.HELP)(_bench.bench)


def main() -> int:
    """Run the command on the arguments of the process.

    Returns
    -------
    int
        Exit status.
    """
    no_output = _is_closed(sys.stdout)
    _stand_in_for_closed()
    if no_output:
        print_error("standard output is closed")
        return FAILED
    # A file name need not be text in the encoding of the terminal.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = Output(
            sys.stdout.detach(),
            encoding=sys.stdout.encoding,
            errors="backslashreplace",
            line_buffering=sys.stdout.line_buffering,
        )
    if isinstance(sys.stderr, io.TextIOWrapper):
        sys.stderr.reconfigure(errors="backslashreplace")
    try:
        status = _run(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        print_error("interrupted")
        return INTERRUPTED
    except OutputError as error:
        _give_up_stdout()
        reason = error.__cause__
        if isinstance(reason, BrokenPipeError):
            return PIPE_CLOSED
        print_error(f"standard output: {getattr(reason, 'strerror', reason)}")
        return FAILED
    return status


def _is_closed(stream: TextIO | None) -> bool:
    """Whether the shell closed a standard stream."""
    # Python has None for a stream that the shell closed, as >&- does.
    return stream is None


def _stand_in_for_closed() -> None:
    """Open the null device for standard streams that are closed."""
    # Before any other file is opened, which would get the closed stream's number.
    for name in ("stdin", "stdout", "stderr"):
        if _is_closed(getattr(sys, name)):
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: PTH123, SIM115


def _give_up_stdout() -> None:
    """Send what standard output still holds to the null device."""
    # The interpreter flushes standard output once more when it ends; that must not fail again.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(args: list[str]) -> int:
    """Run the command on arguments; return the exit status."""
    # typer's own main prints several lines for an error and swallows Ctrl-C, so its parts are
    # called here.
    try:
        with get_command(app).make_context("rankme", [*args] or ["--help"]) as context:
            status: int | None = context.command.invoke(context)
    except typer.Exit as done:
        return done.exit_code
    except _CommandLineError as error:
        print_error(_message(error, args))
        return USAGE
    except OSError as error:
        where = "" if error.filename is None else f"{error.filename}: "
        print_error(f"{where}{error.strerror or error}")
        return FAILED
    return status or 0


def _message(error: Exception, args: list[str]) -> str:
    """Write a usage error as one line that ends in a next step."""
    from rankme.sources._shown import shown_url  # noqa: PLC0415

    text: str = error.format_message()  # type: ignore[attr-defined]
    for arg in args:
        text = text.replace(arg, shown_url(arg))
    args = [shown_url(arg) for arg in args]
    context = getattr(error, "ctx", None)
    command = "rankme" if context is None else context.command_path
    if command == "rankme" and _is_data(args[0]):
        return f"{text.rstrip('.')}; did you mean: rankme score {shlex.join(args)}"
    return f"{text.rstrip('.')} (see '{command} --help')"


def _is_data(name: str) -> bool:
    """Tell whether what stands in a command's place is data to score."""
    return "://" in name or os.path.lexists(name) or bool(glob.glob(name, recursive=True))  # noqa: PTH207
