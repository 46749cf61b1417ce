"""A kernel of Jupyter, as a notebook has one, and what its cells show."""

import warnings
from contextlib import contextmanager

__all__ = ["running_kernel"]


@contextmanager
def running_kernel():
    """Give a function that runs a cell and returns its outputs; a cell that fails is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the client's own libraries
        from jupyter_client.manager import start_new_kernel

        manager, client = start_new_kernel(
            kernel_name="python3", startup_timeout=120, extra_arguments=["--log-level=ERROR"]
        )
        try:
            yield lambda code, **more: _outputs(client, code, **more)
        finally:
            client.stop_channels()
            manager.shutdown_kernel(now=True)


def _outputs(client, code, *, may_fail=False):
    """Return the messages that a front end would show, in order: (type, content)."""
    found = []

    def take(message):
        kind, content = message["msg_type"], message["content"]
        if kind in {"stream", "display_data", "update_display_data", "execute_result", "error"}:
            found.append((kind, content))

    reply = client.execute_interactive(code, output_hook=take, timeout=120)
    if reply["content"]["status"] != "ok" and not may_fail:
        raise AssertionError("\n".join(reply["content"]["traceback"]))
    return found
