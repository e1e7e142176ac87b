"""Policies: networks that act in an environment, and strategies that do the same in any study."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.environment import deciding
from engine.environment.batch import Batch
from engine.environment.deciding import ACTIVATIONS, act_kernel
from engine.environment.features import Features, features_of
from engine.environment.layers import layers_of
from engine.environment.layout import ORDERS, TARGET
from engine.environment.normalisation import Normalisation
from engine.environment.policy_text import strategy_of
from engine.errors import Refusal
from engine.files.writing import write_output
from engine.strategies import Strategy

__all__ = ["Policy", "policy_strategy"]


@dataclass(frozen=True, eq=False)
class Policy:
    """A linear policy or a multilayer perceptron, with what it must know of its environment.

    Made with `of`, `zeros` or `from_dict`.

    Parameters
    ----------
    asked : object
        The features as the environment was asked for them.
    features : Features
        What it observes of the market.
    normalisation : Normalisation
        Of these.
    sizes : tuple of int
        Of the layers: features and account, hidden ones, actions.
    weights : ndarray of float64, shape (weights,)
        Of all layers in turn: those of a layer, (inputs, outputs) in C order, then its biases.
    numbers : ndarray of float64, shape (3 + 3 * symbols,)
        What else decides, see `engine.environment.deciding`.
    symbols : tuple of str
        Of its environment, as their features are called.
    session : tuple of int, optional
        Opening minute, minutes of a bar and bars of a session, of bars without instants.

    Examples
    --------
    >>> import engine as mc
    >>> env = mc.make_env("mes_daily", features=["return_1"], steps=40)
    >>> policy = mc.Policy.zeros(env, hidden=[8])
    >>> policy.size, int(policy.act(env.reset(seed=1)[0]))
    (83, 0)
    """

    asked: Any
    features: Features
    normalisation: Normalisation
    sizes: tuple[int, ...]
    weights: NDArray[np.float64]
    numbers: NDArray[np.float64]
    symbols: tuple[str, ...]
    session: tuple[int, int, int] | None

    @classmethod
    def of(
        cls,
        env: Any,
        weights: Mapping[str, Any] | Sequence[Any],
        activation: Literal["tanh", "relu"] = "tanh",
    ) -> Self:
        """Make a policy of the weights of a trained network.

        Parameters
        ----------
        env : TradingEnv or TradingVectorEnv
            Where it was trained: with ``actions="sides"`` or ``"target"``.
        weights : mapping or sequence
            A PyTorch ``state_dict`` (of Stable-Baselines3 the actor is taken), or a pair of weights
            of shape (outputs, inputs) and biases for each layer, as arrays.
        activation : {"tanh", "relu"}
            Between layers. Of "sides" the last layer has three outputs for each symbol, the scores
            of flat, long and short; of "target" one, which is cut to -1 and 1.

        Raises
        ------
        Refusal
            If shapes do not follow one another or do not fit the environment.
        """
        batch: Batch = env.unwrapped.batch
        layers = layers_of(weights)
        flat = [part for weight, bias in layers for part in (weight.T.ravel(), bias)]
        sizes = (layers[0][0].shape[1], *(len(bias) for _, bias in layers))
        return cls._made(batch, sizes, np.concatenate(flat), activation)

    @classmethod
    def zeros(
        cls,
        env: Any,
        hidden: Sequence[int] = (),
        activation: Literal["tanh", "relu"] = "tanh",
    ) -> Self:
        """Make a policy whose weights are zero, to be given others; a linear one by default."""
        batch: Batch = env.unwrapped.batch
        seen = batch.arrays.observations.shape[1]
        sizes = (seen, *(int(size) for size in hidden), _outputs(batch))
        count = sum((a + 1) * b for a, b in pairwise(sizes))
        return cls._made(batch, sizes, np.zeros(count), activation)

    @classmethod
    def _made(
        cls,
        batch: Batch,
        sizes: tuple[int, ...],
        weights: NDArray[np.float64],
        activation: str,
    ) -> Self:
        if batch.kind == ORDERS:
            raise Refusal("policy", f"actions {batch.settings.actions!r}", "'sides' or 'target'")
        if activation not in ACTIVATIONS:
            raise Refusal("activation", repr(activation), ", ".join(ACTIVATIONS))
        seen, acts = batch.arrays.observations.shape[1], _outputs(batch)
        if sizes[0] != seen or sizes[-1] != acts:
            raise Refusal(
                "weights", f"{sizes[0]} inputs and {sizes[-1]} outputs", f"{seen} and {acts}"
            )
        if not np.isfinite(weights).all():
            raise Refusal("weights", "a number that is not finite", "finite numbers")
        numbers = np.zeros(deciding.OF_SYMBOLS + deciding.OF_SYMBOL * len(batch.limits))
        numbers[deciding.ACTION_KIND] = batch.kind
        numbers[deciding.ACTIVATION] = ACTIVATIONS.index(activation)
        numbers[deciding.LAST_BAR] = batch.episodes.episode_bars - 1
        symbols = batch.episodes.symbols
        for place, own in enumerate(_of_symbols(numbers)):
            terms = batch.execution.terms_of(symbols[place])
            own[deciding.LIMIT] = batch.limits[place]
            own[[deciding.LOT_NUMERATOR, deciding.LOT_DENOMINATOR]] = terms.lot_size_as_fraction
        return cls(
            batch.settings.features,
            batch.features,
            batch.normalisation,
            sizes,
            np.ascontiguousarray(weights, dtype=np.float64),
            numbers,
            tuple(symbols),
            batch.episodes.nominal_session,
        )

    @property
    def limits(self) -> NDArray[np.float64]:
        """Largest position of each symbol.

        Returns
        -------
        ndarray of float64, shape (symbols,)
            In units.
        """
        return np.asarray(_of_symbols(self.numbers)[:, deciding.LIMIT])

    @property
    def digest(self) -> str:
        """SHA-256 of everything that decides what it does."""
        told = hashlib.sha256(repr((self.features.names, self.sizes, self.session)).encode())
        fitted = self.normalisation
        for part in (self.weights, self.numbers, fitted.mean, fitted.spread):
            told.update(np.ascontiguousarray(part).tobytes())
        return told.hexdigest()

    @property
    def size(self) -> int:
        """Number of weights."""
        return len(self.weights)

    def with_weights(self, weights: ArrayLike) -> Self:
        """Return the policy with other weights, in the order of `weights`.

        Raises
        ------
        Refusal
            If there are not as many, or one is not finite.
        """
        found = np.ascontiguousarray(weights, dtype=np.float64)
        if found.shape != self.weights.shape or not np.isfinite(found).all():
            raise Refusal("weights", f"shape {found.shape}", f"{self.size} finite numbers")
        return replace(self, weights=found)

    def act(self, observations: ArrayLike) -> Any:
        """Return what it does.

        Parameters
        ----------
        observations : array_like of float32, shape (features,) or (n, features)
            As an environment gives them.

        Returns
        -------
        int or ndarray
            Of "sides" on one symbol an int, or int64 of shape (n,); else an array of shape
            (symbols,) or (n, symbols).
        """
        given = np.asarray(observations, dtype=np.float32)
        rows = np.ascontiguousarray(np.atleast_2d(given))
        out = np.empty((len(rows), len(self.symbols)))
        act_kernel()(rows, self.weights, np.array(self.sizes), self.numbers, out)
        if self.numbers[deciding.ACTION_KIND] == TARGET:
            return out[0] if given.ndim == 1 else out
        sides = out.astype(np.int64)
        if len(self.symbols) == 1:
            return int(sides[0, 0]) if given.ndim == 1 else sides[:, 0]
        return sides[0] if given.ndim == 1 else sides

    def strategy(self, name: str = "policy", trainings: Sequence[Policy] = ()) -> type[Strategy]:
        """Return the strategy that decides as the policy does in its environment, bit for bit.

        It runs in any study, panel, walk-forward and audit, with the execution settings that these
        give. On bars that are more than an episode's, no time is left after the last of these.

        Parameters
        ----------
        name : str
            Of the strategy.
        trainings : sequence of Policy
            All trainings of it, itself among them: the strategy's parameter ``training``, from 0
            on, says which one decides, so that a panel or a walk-forward chooses among them.

        Raises
        ------
        Refusal
            If it is not among the trainings, or one is of another environment or network.
        """
        for place, other in enumerate(trainings):
            if other.size != self.size or other.with_weights(self.weights).digest != self.digest:
                raise Refusal(
                    f"trainings[{place}]",
                    "a policy of another environment or network",
                    "this one's",
                )
        if trainings and self.digest not in [other.digest for other in trainings]:
            raise Refusal("trainings", "others than this policy", "this one among them")
        return strategy_of(self, name, tuple(trainings))

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, for JSON.

        Raises
        ------
        Refusal
            If its features are not named by words: an indicator is code.
        """
        asked = self.asked if isinstance(self.asked, str) else list(self.asked)
        words = [asked] if isinstance(asked, str) else asked
        if isinstance(self.asked, Mapping) or not all(isinstance(word, str) for word in words):
            raise Refusal(
                "features", "indicators, which are code", "names, to be written to a file"
            )
        return {
            "features": asked,
            "columns": list(self.features.columns),
            "normalisation": self.normalisation.to_dict(),
            "sizes": list(self.sizes),
            "weights": self.weights.tolist(),
            "numbers": self.numbers.tolist(),
            "symbols": list(self.symbols),
            "session": None if self.session is None else list(self.session),
        }

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Return the policy that `to_dict` has written.

        Raises
        ------
        Refusal
            If an earlier version has: it knew of one symbol.
        """
        if "symbols" not in given:
            raise Refusal("policy", "one that an earlier version wrote", hint="train it again")
        fields = ("open", "high", "low", "close", "volume", *given["columns"])
        session = given["session"]
        features = features_of(
            given["features"],
            tuple(dict.fromkeys(fields)),
            tuple(given["symbols"]),
            has_times=session is None,
        )
        fitted = given["normalisation"]
        return cls(
            given["features"],
            features,
            Normalisation(
                tuple(fitted["names"]), np.array(fitted["mean"]), np.array(fitted["spread"])
            ),
            tuple(given["sizes"]),
            np.array(given["weights"]),
            np.array(given["numbers"]),
            tuple(given["symbols"]),
            None if session is None else (session[0], session[1], session[2]),
        )

    def save(
        self, file: str | Path, name: str | None = None, trainings: Sequence[Policy] = ()
    ) -> Path:
        """Write it as the file of a strategy, for study files and other processes.

        Parameters
        ----------
        file : str or Path
            Such as ``strategies/agent.py``.
        name : str, optional
            Of the strategy; by default that of the file.
        trainings : sequence of Policy
            As of `strategy`.

        Raises
        ------
        Refusal
            As of `to_dict` and `strategy`.
        """
        path = Path(file)
        named = name or path.stem
        self.strategy(named, trainings)
        several = {"trainings": [one.weights.tolist() for one in trainings]} if trainings else {}
        told = json.dumps(self.to_dict() | several, indent=1)
        text = (
            '"""A trained policy as a strategy, written by `Policy.save`."""\n\n'
            "import json\n\nfrom engine import Policy\n\n"
            f'POLICY = r"""\n{told}\n"""\n\n'
            "told = json.loads(POLICY)\n"
            "policy = Policy.from_dict(told)\n"
            'trainings = [policy.with_weights(one) for one in told.get("trainings", ())]\n'
            f"{named} = policy.strategy({named!r}, trainings)\n"
            f"{named}.__module__ = __name__\n"
        )
        return write_output(path, text.encode())


def _outputs(batch: Batch) -> int:
    return len(batch.limits) * (1 if batch.kind == TARGET else 3)


def _of_symbols(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the numbers of each symbol, as rows that are a view."""
    return numbers[deciding.OF_SYMBOLS :].reshape(-1, deciding.OF_SYMBOL)


def policy_strategy(
    env: Any,
    weights: Mapping[str, Any] | Sequence[Any],
    activation: Literal["tanh", "relu"] = "tanh",
    name: str = "policy",
) -> type[Strategy]:
    """Return the strategy of a trained network: ``Policy.of(env, weights, activation).strategy``.

    Parameters
    ----------
    env, weights, activation
        As of `Policy.of`.
    name : str
        Of the strategy.
    """
    return Policy.of(env, weights, activation).strategy(name)
