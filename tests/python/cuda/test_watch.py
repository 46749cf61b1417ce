"""Modules whose rows lie on a GPU: summed there, or copied where that is asked for."""

import numpy as np
import pytest

import rankme
from gpu import AGAINST_CPU, DEVICE, framework, needs_gpu, on_gpu
from oracles import moderate

pytestmark = needs_gpu

Z = moderate(3, 900, 32, np.float32)


@pytest.mark.parametrize(
    ("options", "device"), [({}, DEVICE), ({"device": "cpu"}, "cpu"), ({"groups": 8}, "cpu")]
)
def test_rows_are_summed_where_they_lie(options, device):
    torch = framework("torch")
    from rankme.integrations.torch import watch

    model = torch.nn.Identity().eval()
    with watch(model, "", **options) as w:
        for batch in on_gpu(Z).split(256):
            model(batch)
    acc = w.result().sums[""]
    assert acc.device == device
    assert acc.n_rows == 900
    assert w.scores()[""] == pytest.approx(rankme.score(Z), rel=AGAINST_CPU)


def test_a_row_that_is_not_finite_is_left_out():
    torch = framework("torch")
    from rankme.integrations.torch import watch

    z = Z.copy()
    z[5, 3] = np.nan
    model = torch.nn.Identity().eval()
    with watch(model, "") as w:
        model(on_gpu(z))
    row = w.metrics()[""]
    assert np.isnan(row["rankme"])
    assert (row["n_rows"], row["n_skipped"]) == (899, 1)
