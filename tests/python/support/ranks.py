"""Runs a function on every rank of a real gloo group, each rank a process of its own."""

import multiprocessing
import os
import pickle
import tempfile
from datetime import timedelta
from pathlib import Path

TIMEOUT = 60

# Processes are forked from a server that has imported what is slow to import, and nothing else: no
# threads of other tests are in it. Ranks find their work in modules of tests, which import pytest.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["torch.distributed", "rankme.distributed.torch", "pytest"])


def on_ranks(world_size, work, *args, group_timeout=20, timeout=TIMEOUT):
    """Return what ``work(rank, *args)`` returned on each rank, or the exception that it raised.

    None stands for a rank that died.
    """
    with tempfile.TemporaryDirectory() as folder:
        processes = [
            _CONTEXT.Process(
                target=_run,
                args=(Path(folder), rank, world_size, (work, *args)),
                kwargs={"group_timeout": group_timeout},
            )
            for rank in range(world_size)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(timeout)
        hung = [process for process in processes if process.is_alive()]
        for process in hung:
            process.kill()
            process.join()
        assert not hung, f"{len(hung)} of {world_size} ranks hung"
        return [_result(Path(folder, str(rank))) for rank in range(world_size)]


def _result(path):
    return pickle.loads(path.read_bytes()) if path.exists() else None


def _run(folder, rank, world_size, call, *, group_timeout):
    import torch.distributed as dist

    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    dist.init_process_group(
        "gloo",
        init_method=f"file://{folder / 'store'}",
        rank=rank,
        world_size=world_size,
        timeout=timedelta(seconds=group_timeout),
    )
    try:
        work, *args = call
        result = work(rank, *args)
    except Exception as error:  # noqa: BLE001
        result = error
    Path(folder, f"{rank}.part").write_bytes(pickle.dumps(result))
    Path(folder, f"{rank}.part").rename(folder / str(rank))
    # The group is not destroyed: PyTorch 2.6 can wait there for a rank that has gone.
    os._exit(0)
