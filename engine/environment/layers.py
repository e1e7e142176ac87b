"""Layers of trained networks, from arrays or a PyTorch ``state_dict``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal

__all__ = ["layers_of"]

Layer = tuple[NDArray[np.float64], NDArray[np.float64]]
# Where Stable-Baselines3 keeps the actor of an actor and critic, and the network of values of DQN.
_ACTORS = (("mlp_extractor.policy_net.", "action_net."), ("q_net.q_net.",))


def layers_of(given: Mapping[str, Any] | Sequence[Any]) -> list[Layer]:
    """Return weights of shape (outputs, inputs) and biases of shape (outputs,) of each layer.

    Raises
    ------
    Refusal
        If there is none, or shapes do not follow one another.
    """
    pairs = _of_mapping(given) if isinstance(given, Mapping) else list(given)
    layers: list[Layer] = []
    for place, pair in enumerate(pairs):
        if len(pair) != 2:
            raise Refusal(f"weights[{place}]", f"{len(pair)} arrays", "weights and biases")
        weight, bias = _array(pair[0]), _array(pair[1])
        fits = weight.ndim == 2 and bias.shape == weight.shape[:1]
        if not fits or (layers and weight.shape[1] != len(layers[-1][1])):
            wanted = len(layers[-1][1]) if layers else "features"
            raise Refusal(
                f"weights[{place}]",
                f"shapes {weight.shape} and {bias.shape}",
                f"(outputs, {wanted}) and (outputs,)",
            )
        layers.append((weight, bias))
    if not layers:
        raise Refusal("weights", "no layer", "one at least")
    return layers


def _of_mapping(given: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    """Pair the weights of a ``state_dict`` with their biases, in its order."""
    names = list(given)
    for actor in _ACTORS:
        own = [name for prefix in actor for name in names if name.startswith(prefix)]
        if own:
            names = own
            break
    pairs = []
    for name in names:
        if name.endswith("weight"):
            bias = f"{name.removesuffix('weight')}bias"
            if bias not in given:
                raise Refusal("weights", f"{name} without {bias}", "both of each layer")
            pairs.append((given[name], given[bias]))
    return pairs


def _array(given: Any) -> NDArray[np.float64]:
    """Return an array or a tensor as an array."""
    detached = given.detach().cpu().numpy() if hasattr(given, "detach") else given
    return np.asarray(detached, dtype=np.float64)
