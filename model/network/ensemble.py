"""Joining: a recurrent network and a control, trained apart, made one network."""

from __future__ import annotations

from dataclasses import replace

from echocast.model.errors import ModelError
from echocast.model.network.config import CONTROL, NetworkConfig
from echocast.model.network.network import Network


def join(network: Network, control: Network, share: float = 0.5) -> Network:
    """A network that answers with the mean of two.

    The mean of the fields is exact; of the probabilities it is that of the heads' values. Where a
    control stands beside the network already, started from the weights of this one, the mean of
    both controls' weights takes its place.

    Args:
        network: Recurrent.
        control: Of the family ``control``, otherwise configured like ``network``.
        share: Weight of the control, 0 to 1.

    Raises:
        ModelError: The two don't go together.
    """
    ours, theirs = network.config, control.config
    if theirs.family != CONTROL:
        raise ModelError(f"The second of the two is to be a 'control', not {theirs.family!r}.")
    config = replace(ours, control_widths=theirs.widths)
    if _but_layers(ours) != _but_layers(theirs) or ours.control_widths not in ((), theirs.widths):
        raise ModelError("A network and a control must agree in all but their layers to be joined.")
    own, other = network.state_dict(), control.state_dict()
    weights = {**own, "head.weight": own["head.weight"] * (1 - share)}
    weights["head.bias"] = own["head.bias"] * (1 - share)
    for key, value in other.items():
        if key == "log_gain":
            weights[key] = ((1 - share) * own[key].exp() + share * value.exp()).log()
        elif ours.control_widths:
            weights[f"control.{key}"] = (1 - share) * own[f"control.{key}"] + share * value
        else:
            weights[f"control.{key}"] = value * share if key.startswith("head.") else value
    joined = Network(config)
    joined.load_state_dict(weights)
    return joined


def _but_layers(config: NetworkConfig) -> NetworkConfig:
    """All of a configuration that does not say which layers there are."""
    return replace(config, family="mim", layers=2, hidden_channels=1, control_widths=())
