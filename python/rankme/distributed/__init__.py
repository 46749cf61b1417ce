"""The same score from many processes and machines, by the engines that people already run.

Accumulators form a commutative monoid under merging, so each engine only has to map rows to partial
results and to reduce those in a tree; scheduling, retries and data placement stay the engine's:

- ``rankme.distributed.torch``: `all_reduce` over a process group, any backend;
- ``rankme.distributed.ray``: Ray tasks over files, or a Ray Data dataset;
- ``rankme.distributed.dask``: a Dask array, delayed blocks, or files;
- ``rankme.distributed.spark``: a column of a Spark DataFrame.

Each is imported by its full name and needs the extra of the same name: ``pip install
"rankme[ray]"``. A partial result is the bytes of a saved state, about ``4 * dim**2``: tasks are
pure functions from rows to bytes, so that a task which an engine runs again replaces its result and
never adds to it.
"""
