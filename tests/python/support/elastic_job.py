"""A job under PyTorch's elastic agent, as torchrun starts it, one of whose ranks kills itself.

Run as a script: prints the score and the row count of each repetition, one JSON list a line.
"""

import json
import multiprocessing
import os
import random
import signal
import sys
import tempfile
from pathlib import Path

import torch.distributed as dist
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

import rankme
from engines import embeddings
from rankme.distributed.torch import all_reduce

ROWS, COLS, STEP, WORLD_SIZE = 6_000, 64, 500, 2


def job(folder, victim, at_row):
    dist.init_process_group("gloo")
    rank = dist.get_rank()
    own = embeddings(ROWS, COLS)[rank::WORLD_SIZE]
    saved = Path(folder, f"rank-{rank}.rankme")
    acc = rankme.Accumulator.load(saved) if saved.exists() else rankme.Accumulator(COLS)
    first_try = os.environ["TORCHELASTIC_RESTART_COUNT"] == "0"
    # The saved state knows how many rows it holds, so it is also where the rank goes on.
    while acc.n_rows < len(own):
        acc.update(own[acc.n_rows : acc.n_rows + STEP])
        if first_try and rank == victim and acc.n_rows == at_row:
            os.kill(os.getpid(), signal.SIGKILL)
        acc.save(saved)
    total = all_reduce(acc)
    dist.destroy_process_group()
    return total.score(), total.n_rows, os.environ["TORCHELASTIC_RESTART_COUNT"]


def main(repetitions):
    # The agent's own store would still hold the addresses of the ranks that are gone.
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    multiprocessing.set_forkserver_preload(["elastic_job"])
    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=WORLD_SIZE,
        max_restarts=1,
        monitor_interval=0.05,
        start_method="forkserver",
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
    )
    for repetition in range(repetitions):
        choose = random.Random(repetition)  # noqa: S311
        at_row = STEP * choose.randint(1, ROWS // WORLD_SIZE // STEP)
        with tempfile.TemporaryDirectory() as folder:
            results = elastic_launch(config, job)(folder, choose.randrange(WORLD_SIZE), at_row)
        sys.stdout.write(json.dumps([results[rank] for rank in range(WORLD_SIZE)]) + "\n")


if __name__ == "__main__":
    import elastic_job  # not __main__, so that the ranks find the job by its name

    elastic_job.main(int(sys.argv[1]))
