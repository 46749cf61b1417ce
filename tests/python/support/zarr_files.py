"""Zarr stores, made with zarr 3 or with zarr 2, of which Python 3.10 has the last."""

import pytest
import zarr

ZARR_3 = int(zarr.__version__.partition(".")[0]) >= 3


def format_options(zarr_format):
    """Return what asks for a format; zarr 2 knows one alone."""
    if ZARR_3:
        return {"zarr_format": zarr_format}
    if zarr_format == 3:
        pytest.skip("zarr 2 cannot write format 3")
    return {}


def new_group(path, zarr_format=None):
    """Return an empty group at a path."""
    return zarr.open_group(path, mode="w", **format_options(zarr_format))


def add_array(group, name, rows, **options):
    """Add an array to a group; the name may be a path."""
    create = group.create_array if ZARR_3 else group.create_dataset
    create(name, data=rows, **options)


def save_array(path, rows, zarr_format, chunks):
    """Save an array that is the store itself, and return it."""
    asked = format_options(zarr_format)
    if ZARR_3:
        return zarr.create_array(path, data=rows, chunks=chunks, **asked)
    return zarr.array(rows, store=path, chunks=chunks)
