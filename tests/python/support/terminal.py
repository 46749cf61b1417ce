"""Programs that run with a terminal as their standard error."""

import contextlib
import os
import pty
import subprocess


def read_all(descriptor):
    """Read what the other side wrote until it has gone."""
    chunks = []
    with contextlib.suppress(OSError):  # Linux ends a pseudo-terminal with EIO
        while chunk := os.read(descriptor, 65536):
            chunks.append(chunk)
    return b"".join(chunks).decode()


def run_with_terminal_as_stderr(args, env):
    """Run a program; return its status, what it printed, and what the terminal got."""
    leader, follower = pty.openpty()
    with subprocess.Popen(
        list(map(str, args)), stdout=subprocess.PIPE, stderr=follower, env=env
    ) as process:
        os.close(follower)
        seen = read_all(leader)
        os.close(leader)
        printed = process.stdout.read().decode()
    return process.returncode, printed, seen


def lines_drawn(seen):
    """Return the lines that were drawn over one another, without what only erases."""
    return [line.rstrip() for line in seen.replace("\n", "\r").split("\r") if line.strip()]
