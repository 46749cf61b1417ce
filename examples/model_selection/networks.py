"""Four kinds of small forecasters: windows of 192 steps to a feature of K numbers, to 96 steps."""

import torch
from torch import Tensor, nn

__all__ = ["KINDS", "LOOK_BACK", "REACH", "Forecaster", "build"]

LOOK_BACK, REACH = 192, 96
_PATCH = 8
_PATCHES = LOOK_BACK // _PATCH


class Mlp(nn.Module):
    """Three layers over the whole window, two of them residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inlet = nn.Linear(LOOK_BACK, width)
        self.layers = nn.ModuleList([nn.Linear(width, width) for _ in range(2)])

    def forward(self, window: Tensor) -> Tensor:
        """(n, 192) to (n, K)."""
        state = self.inlet(window)
        for layer in self.layers:
            state = state + layer(nn.functional.gelu(state))
        return state


class Cnn(nn.Module):
    """Causal convolutions over patches, dilated by 1, 2, 4 and 8: the last patch has seen all."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inlet = nn.Linear(_PATCH, width)
        self.layers = nn.ModuleList(
            [nn.Conv1d(width, width, kernel_size=3, dilation=d) for d in (1, 2, 4, 8)]
        )

    def forward(self, window: Tensor) -> Tensor:
        """(n, 192) to (n, K), at the last patch."""
        state = self.inlet(window.unflatten(1, (_PATCHES, _PATCH))).transpose(1, 2)
        for layer in self.layers:
            padded = nn.functional.pad(nn.functional.gelu(state), (2 * layer.dilation[0], 0))
            state = state + layer(padded)
        return state[:, :, -1]


class Gru(nn.Module):
    """A recurrent network over patches."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.cell = nn.GRU(_PATCH, width, batch_first=True)

    def forward(self, window: Tensor) -> Tensor:
        """(n, 192) to (n, K), at the last patch."""
        states, _ = self.cell(window.unflatten(1, (_PATCHES, _PATCH)))
        return states[:, -1]


class Transformer(nn.Module):
    """Two layers of attention over patches."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inlet = nn.Linear(_PATCH, width)
        self.place = nn.Parameter(0.02 * torch.randn(_PATCHES, width))
        self.layers = nn.ModuleList(
            [
                nn.TransformerEncoderLayer(
                    width, 4, 2 * width, dropout=0.0, batch_first=True, norm_first=True
                )
                for _ in range(2)
            ]
        )

    def forward(self, window: Tensor) -> Tensor:
        """(n, 192) to (n, K), at the last patch."""
        state = self.inlet(window.unflatten(1, (_PATCHES, _PATCH))) + self.place
        for layer in self.layers:
            state = layer(state)
        return state[:, -1]


KINDS: dict[str, type[nn.Module]] = {
    "mlp": Mlp,
    "cnn": Cnn,
    "gru": Gru,
    "transformer": Transformer,
}


class Forecaster(nn.Module):
    """An encoder, whose output is the feature that is scored, and a linear head of 96 steps."""

    def __init__(self, encoder: nn.Module, width: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(width, REACH)

    def forward(self, window: Tensor) -> Tensor:
        """(n, 192) to (n, 96)."""
        return self.head(self.encoder(window))


def build(name: str, seed: int) -> Forecaster:
    """Return an untrained forecaster, by kind and width.

    Parameters
    ----------
    name : str
        Such as ``"cnn-48"``.
    seed : int
        Of the weights.
    """
    kind, width = name.split("-")
    torch.manual_seed(seed)
    return Forecaster(KINDS[kind](int(width)), int(width))
