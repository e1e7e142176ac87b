"""What a paper session trades: one parameter set of a study on history, if it can be traded."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from engine.errors import Refusal
from engine.execution import Execution
from engine.jobs.job import Job
from engine.jobs.space import MODEL_PREFIX
from engine.strategies import Strategy
from engine.strategies.bar_engine import BarEngine
from engine.strategies.hook_text import HookText

__all__ = ["Terms", "choose_set", "terms_of"]

# Calls of `order` that no broker of this room takes.
_UNTRADABLE: Final = (*("all_or_none", "one_cancels_other", "market_on_close", "market_on_open"),)


@dataclass(frozen=True)
class Terms:
    """What is traded, and by which rules it is replayed.

    Parameters
    ----------
    study, set_id : str
        The study and its parameter set.
    strategy : type of Strategy
        What decides.
    parameters : mapping of str to object
        Its parameter set.
    execution : Execution
        Cash, costs, sizing. Fills come from the broker.
    symbols : tuple of str
        What is traded, as the study spells it.
    warm_up : int
        Bars that indicators see before the first that is traded on, at least.
    """

    study: str
    set_id: str
    strategy: type[Strategy]
    parameters: Mapping[str, Any]
    execution: Execution
    symbols: tuple[str, ...]
    warm_up: int = 0

    @property
    def session(self) -> str:
        """Folder of the session: one per study and parameter set."""
        return f"{self.study}-{self.set_id}"

    @cached_property
    def as_json(self) -> str:
        """What must stay as it is as long as a session lives."""
        return json.dumps(
            {
                **{"study": self.study, "set_id": self.set_id, "symbols": list(self.symbols)},
                **{"strategy": self.strategy.name, "code": self.strategy.code_hash()},
                "engine": BarEngine().version,
                "parameters": dict(self.parameters),
                "execution": self.execution.model_dump(mode="json"),
            },
            sort_keys=True,
            default=str,
        )


def choose_set(job: Job, chosen: str | int | Mapping[str, Any] | None) -> int:
    """Return the position of a parameter set of a job.

    Parameters
    ----------
    job : Job
        Whose sets.
    chosen : str, int or mapping, optional
        A set's id, its number, or values of parameters that one set alone has; None where there is
        one set.

    Raises
    ------
    Refusal
        If it is none of the sets, or several.
    """
    count, ids = len(job.space), job.sets.ids.tolist()
    if chosen is None:
        found = list(range(count))
    elif isinstance(chosen, Mapping):
        found = [
            index
            for index in range(count)
            if all(job.space[index].get(name, _NOTHING) == value for name, value in chosen.items())
        ]
    elif isinstance(chosen, str) and not chosen.isdecimal():
        found = [index for index, set_id in enumerate(ids) if set_id == chosen]
    else:
        found = [index for index in range(count) if index == int(chosen)]
    if len(found) != 1:
        said = str(dict(chosen)) if isinstance(chosen, Mapping) else str(chosen or "none")
        allowed = f"one of its {count} parameter sets: a number from 0, an id, or NAME=VALUE"
        fits = f"which {len(found)} sets fit" if found else "which no set fits"
        raise Refusal("set", f"{said}, {fits}", allowed)
    return found[0]


_NOTHING: Final = object()


def terms_of(job: Job, chosen: str | int | Mapping[str, Any] | None = None) -> Terms:
    """Return the terms on which one parameter set of a study is traded.

    Parameters
    ----------
    job : Job
        The study, resolved.
    chosen : str, int or mapping, optional
        As of `choose_set`.

    Raises
    ------
    Refusal
        If the study cannot be traded: options, a source that is no history, sub-bars, fills at the
        very close, orders that are tied to one another, contracts with a multiplier.
    """
    world = job.world
    if not isinstance(world.engine, BarEngine):
        traded = "quote ticks" if world.strategy.hears_ticks() else "options"
        found = f"{world.strategy.name!r}, which trades {traded}"
        raise Refusal("strategy", found, "one of bars")
    if not world.is_history:
        raise Refusal(
            "source.model",
            f"{world.source.name or type(world.source).__name__!r}, whose bars nobody can trade",
            "'historical': the stored bars of what is traded",
        )
    if world.path.sub_bars > 1:
        raise Refusal("source.sub_bars", str(world.path.sub_bars), "1: bars as the market has them")
    _check_execution(world.execution, world.source.symbols)
    _check_orders(world.strategy)
    index = choose_set(job, chosen)
    values = {k: v for k, v in job.space[index].items() if not k.startswith(MODEL_PREFIX)}
    return Terms(
        study=job.study,
        set_id=str(job.sets.ids[index]),
        strategy=world.strategy,
        parameters=values,
        execution=world.execution.model_copy(update={"at_end": "mark"}),
        symbols=tuple(world.source.symbols),
        warm_up=world.window.warm_up,
    )


def _check_execution(execution: Execution, symbols: tuple[str, ...]) -> None:
    if execution.fill == "same_close":
        raise Refusal("execution.fill", "'same_close': that close has gone by", "'next_open'")
    if execution.flat_at != "never":
        found = f"{execution.flat_at!r}: fills at a close that has gone by"
        raise Refusal("execution.flat_at", found, "'never'")
    for symbol in symbols:
        terms = execution.terms_of(symbol)
        if terms.futures or terms.multiplier != 1.0:
            found = f"a contract of {terms.multiplier:g} a point for {symbol}"
            raise Refusal("execution.instrument", found, "stocks and crypto, of multiplier 1")


def _check_orders(strategy: type[Strategy]) -> None:
    """Refuse orders that no broker here takes, by the text of the hooks."""
    for function in strategy.hooks().values():
        text = HookText(function)
        for node in ast.walk(text.definition()):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            name = node.func.attr
            now = name == "close" and any(keyword.arg == "now" for keyword in node.keywords)
            if name in _UNTRADABLE or now:
                shown = f"order.{name}(now=True)" if now else f"order.{name}"
                raise Refusal(
                    "strategy",
                    f"{shown} in line {node.lineno} of {strategy.name}",
                    "market, limit, stop and stop-limit orders, and their exits",
                )
