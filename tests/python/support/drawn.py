"""Pictures of the documentation, and those that their scripts draw anew."""

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt

# Older releases give text another width, and with it all axes another place.
SINCE = (3, 11)


def assert_same_picture(kept, anew):
    """The same size; and the same points, where Matplotlib sets text as it did.

    A later one may set it a little otherwise; a line that moves changes more.
    """
    old, new = plt.imread(kept), plt.imread(anew)
    assert old.shape == new.shape
    if tuple(map(int, mpl.__version__.split(".")[:2])) >= SINCE:
        assert (np.abs(old - new).max(axis=2) > 0.15).mean() < 0.002
