"""Joining: a recurrent network and a control, trained apart, made one network."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from model.config import CONTROL
from model.errors import ModelError
from model.networks import Network


def join(network: Network, control: Network, share: float = 0.5) -> Network:
    """A network that answers with the mean of two.

    The mean of the fields is exact; of the probabilities it is that of the heads' values.

    Args:
        network: Recurrent, with no control beside it yet.
        control: Of the family ``control``, otherwise configured like ``network``.
        share: Weight of the control, 0 to 1.

    Raises:
        ModelError: The two don't go together.
    """
    ours, theirs = network.config, control.config
    if theirs.family != CONTROL:
        raise ModelError(
            f"The second of the two is of the family 'control', not {theirs.family!r}."
        )
    if replace(theirs, family=ours.family, layers=2, hidden_channels=1) != replace(
        ours, layers=2, hidden_channels=1
    ):
        raise ModelError("A network and a control must agree in all but their layers to be joined.")
    joined = Network(replace(ours, control_widths=theirs.widths))
    weights: dict[str, Tensor] = {}
    for key, value in network.state_dict().items():
        weights[key] = value * (1 - share) if key.startswith("head.") else value
    for key, value in control.state_dict().items():
        if key.startswith("head."):
            weights[f"control.{key}"] = value * share
        elif key.startswith("layers."):
            weights[f"control.{key}"] = value
    gains = (1 - share) * network.log_gain.exp() + share * control.log_gain.exp()
    weights["log_gain"] = gains.detach().log()
    joined.load_state_dict(weights)
    return joined
