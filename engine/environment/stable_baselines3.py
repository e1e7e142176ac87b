"""Environments as Stable-Baselines3 takes them: its own kind of vector environment."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from engine.errors import Refusal

__all__ = ["to_stable_baselines3"]


def to_stable_baselines3(env: Any, base: type | None = None) -> Any:
    """Return a `VecEnv` of Stable-Baselines3 that steps all environments in one compiled call.

    Episodes that are over give way in the same step; their last observation is in
    ``info["terminal_observation"]``, and ``info["TimeLimit.truncated"]`` tells the end of the data
    from ruin, as that library wants it.

    Parameters
    ----------
    env : TradingVectorEnv
        Made with ``autoreset="same_step"``.
    base : type, optional
        The class to derive from; by default ``stable_baselines3.common.vec_env.VecEnv``.

    Raises
    ------
    Refusal
        If `env` resets in another way.
    ModuleNotFoundError
        If Stable-Baselines3 is not installed.
    """
    if env.metadata["autoreset_mode"].name != "SAME_STEP":
        raise Refusal("autoreset", repr(env.metadata["autoreset_mode"].name.lower()), "'same_step'")
    if base is None:
        # Named as text, since this project does not depend on it: it brings PyTorch.
        base = import_module("stable_baselines3.common.vec_env").VecEnv

    class Adapter(base):  # type: ignore[misc, valid-type]
        """The environments, under the names that Stable-Baselines3 calls."""

        def __init__(self) -> None:
            self._actions: Any = None
            self._seeds: int | None = None
            super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

        def reset(self) -> Any:
            seen, infos = env.reset(seed=self._seeds)
            self._seeds = None
            self.reset_infos = self._split(infos)
            return seen

        def step_async(self, actions: Any) -> None:
            self._actions = actions

        def step_wait(self) -> Any:
            seen, rewards, terminations, truncations, infos = env.step(self._actions)
            told = self._split(infos)
            for number in np.flatnonzero(terminations | truncations):
                one = told[number]
                one["terminal_observation"] = infos["final_obs"][number]
                one["TimeLimit.truncated"] = bool(truncations[number])
                last = infos["final_info"]["episode"]
                one["episode"] = {"r": float(last["r"][number]), "l": int(last["l"][number])}
            return seen, rewards.astype(np.float32), terminations | truncations, told

        def seed(self, seed: int | None = None) -> Sequence[int | None]:
            self._seeds = seed
            first = 0 if seed is None else seed
            return [first + number for number in range(env.num_envs)]

        def close(self) -> None:
            env.close()

        def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
            found = None if attr_name == "render_mode" else getattr(env, attr_name)
            return [found for _ in self._numbers(indices)]

        def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
            setattr(env, attr_name, value)

        def env_method(self, method_name: str, *args: Any, indices: Any = None, **more: Any) -> Any:
            return [getattr(env, method_name)(*args, **more) for _ in self._numbers(indices)]

        def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
            return [False for _ in self._numbers(indices)]

        @staticmethod
        def _numbers(indices: Any) -> list[int]:
            if indices is None:
                return list(range(env.num_envs))
            return [indices] if isinstance(indices, int) else list(indices)

        @staticmethod
        def _split(infos: dict[str, Any]) -> list[dict[str, Any]]:
            """Return what is told of each environment in a dictionary of its own."""
            told: list[dict[str, Any]] = [{} for _ in range(env.num_envs)]
            for name in ("refused", "margin_calls", "seed"):
                for number in np.flatnonzero(infos.get(f"_{name}", ())):
                    value = infos[name]
                    if isinstance(value, dict):
                        reasons = [key for key in value if not key.startswith("_")]
                        told[number][name] = {
                            key: int(value[key][number]) for key in reasons if value[key][number]
                        }
                    else:
                        told[number][name] = int(value[number])
            return told

    return Adapter()
