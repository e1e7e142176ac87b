"""The engine of options: what jobs ask of an engine, answered for legs on a path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from engine.compiled.version import ENGINE_VERSION
from engine.errors import Refusal
from engine.execution.metric_groups import all_metrics, asked_metrics, group_versions
from engine.execution.metric_names import EXCURSIONS
from engine.execution.settings import Execution
from engine.options.book_terms import check_book, check_rules
from engine.options.chain_settings import chain_hash, chain_of
from engine.options.layout import LEG_BARS
from engine.options.legs import Leg, check_count, encode_legs
from engine.options.margin_settings import ShareMargin
from engine.options.path_reads import check_fields, conditioned
from engine.options.prepared import PreparedOptions
from engine.options.settings import OptionSettings, RealisedVolatility
from engine.options.strike_checks import check_expiry_order, check_strikes
from engine.options.volatility import DYNAMICS
from engine.strategies.conditions import read_condition
from engine.strategies.expression import Field
from engine.strategies.strategy import Strategy

__all__ = ["OPTIONS_VERSION", "OptionEngine"]

#: Raised when the same study of options would give other numbers: golden hashes guard it.
OPTIONS_VERSION: Final = "5"

# What errors name: models of closed forms, by what `dynamics_of` knows of them.
_WITH_FUTURES: Final = "schwartz_1f, schwartz_2f, rolling_futures"
_CLOSED_FORMS: Final = f"gbm, {_WITH_FUTURES}"
_PLAIN: Final = "with neither seasons nor a start_variance"

# What else an `Execution` sets is of orders in the underlying.
_READ: Final = frozenset({"cash", "risk_free_rate"})


@dataclass(frozen=True)
class OptionEngine:
    """What jobs ask of an engine (`engine.jobs.engine.Engine`), answered for options.

    Parameters
    ----------
    terms : OptionSettings
        The section `options` of a study.
    """

    terms: OptionSettings = field(default_factory=lambda: OptionSettings.model_validate({}))

    @property
    def version(self) -> str:
        """Numerical version of the loop, and of what it shares with the engine of bars."""
        return f"options-{OPTIONS_VERSION}.{ENGINE_VERSION}"

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the numbers beside execution and strategy."""
        told = self.terms.model_dump(mode="json")
        if self.terms.chain is not None:
            told["chain"] |= {"file": chain_hash(self.terms.chain)}
            if self.terms.chain.as_of is None:
                del told["chain"]["as_of"]  # a study that does not name it stays what it was
        return told

    @property
    def reads_dynamics(self) -> bool:
        """Whether paths must bring the constants of their model."""
        by_model = self.terms.volatility.kind == "model" and self.terms.chain is None
        return by_model or self.terms.underlying == "future"

    @property
    def closes_suffice(self) -> bool:
        """Whether it may be given bars of closes: it reads no others, but for a condition."""
        if self.terms.when is None:
            return True
        parts = [part for each in read_condition(self.terms.when).series for part in each.walk()]
        return not any(isinstance(part, Field) and part.name in ("high", "low") for part in parts)

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Metrics of every group."""
        return tuple(all_metrics())

    @property
    def range_metrics(self) -> tuple[str, ...]:
        """Metrics that ask how far prices went inside a bar."""
        return EXCURSIONS

    def with_options(self, options: Mapping[str, Any]) -> OptionEngine:
        """Return the engine with the section `options` of a study."""
        return OptionEngine(OptionSettings.of(options, "options"))

    def asked_metrics(self, asked: Sequence[str], field: str) -> tuple[str, ...]:
        """Return the metrics that groups and metrics by name come to."""
        return asked_metrics(asked, field)

    def returns_in(self, steps: int) -> int:
        """Return the returns of a simulation: one of every bar."""
        return steps

    def group_versions(self, metrics: Sequence[str]) -> dict[str, int]:
        """Return the versions of the groups that some metrics belong to."""
        return group_versions(metrics)

    def check(
        self,
        strategy: type[Strategy],
        execution: Execution,
        parameters: NDArray[np.float64],
        *,
        source: str,
        symbols: tuple[str, ...],
        fields: tuple[str, ...],
        lowest: float,
        steps: int,
        bars_per_session: float,
    ) -> None:
        """Refuse what no simulation could run on; see `engine.jobs.engine.Engine`."""
        if len(symbols) != 1:
            raise Refusal("source", f"{len(symbols)} symbols", f"one, for {strategy.name}")
        _check_execution(execution)
        strategy = conditioned(strategy, self.terms.when)
        check_fields(strategy, fields)
        _check_hooks(strategy)
        self._check_contracts(source)
        self._check_dynamics(source, fields)
        check_book(strategy, self.legs_of(strategy), self.terms)
        for legs in self.groups_of(strategy).values():
            check_strikes(strategy, legs, parameters, self.terms)
        check_expiry_order(strategy, parameters)
        if lowest <= 0.0 and self.terms.pricing != "bachelier":
            raise Refusal(
                "options.pricing",
                f"{self.terms.pricing} with prices down to {lowest:g}",
                "bachelier, whose prices may be below zero",
            )
        margin = self.terms.margin
        if lowest <= 0.0 and isinstance(margin, ShareMargin) and margin.share > 0.0:
            raise Refusal(
                "options.margin",
                f"{margin.share:g}, a share of prices down to {lowest:g}",
                "an amount, such as {points: 5}, which is asked for at any price; or 0",
            )
        self._check_expiries(strategy, parameters, steps, bars_per_session)
        check_rules(strategy, parameters, self.terms)

    def prepare(
        self, strategy: type[Strategy], execution: Execution, **shape: Any
    ) -> PreparedOptions:
        """Bind it to a strategy and a world."""
        shape.pop("history", None)  # contracts expire by a calendar of their own
        strategy = conditioned(strategy, self.terms.when)
        return PreparedOptions(strategy, self.legs_of(strategy), self.terms, execution, **shape)

    def legs_of(self, strategy: type[Strategy]) -> tuple[Leg, ...]:
        """Return the legs of a strategy, or those of the settings where it has none.

        Raises
        ------
        Refusal
            If both have some, or neither has.
        """
        return tuple(leg for legs in self.groups_of(strategy).values() for leg in legs)

    def groups_of(self, strategy: type[Strategy]) -> Mapping[str, tuple[Leg, ...]]:
        """Return the groups of legs of a strategy, or that of the settings where it has none.

        Raises
        ------
        Refusal
            If both have some, or neither has.
        """
        groups: Mapping[str, tuple[Leg, ...]] = getattr(strategy, "leg_groups", {})
        if groups and self.terms.legs:
            raise Refusal("options.legs", f"legs beside those of {strategy.name}", "none")
        if not (groups or self.terms.legs):
            raise Refusal("options.legs", "none", f"the legs of {strategy.name}")
        groups = groups or {"options.legs": self.terms.legs}
        for name, legs in groups.items():
            check_count(legs, name)
        return groups

    def _check_contracts(self, source: str) -> None:
        """Refuse quotes and listed expiries where nothing says which day a bar is."""
        on_history = source == "historical"
        if self.terms.chain is not None:
            if not on_history:
                raise Refusal(
                    "options.chain", f"quotes on paths of {source}", "a source of model: historical"
                )
            chain_of(self.terms.chain, self.terms.exercise)
        if self.terms.listing is not None and self.terms.start is None and not on_history:
            raise Refusal(
                "options.start",
                f"none, with listed options on paths of {source}",
                "the day of the first bar, such as 2024-01-02",
            )

    def _check_dynamics(self, source: str, fields: tuple[str, ...]) -> None:
        if self.terms.chain is not None:
            return
        known = [names for names in DYNAMICS[1:] if set(names) <= set(fields)]
        if self.terms.volatility.kind == "model" and not known:
            raise Refusal(
                "options.volatility",
                f"model on paths of {_told(source, _CLOSED_FORMS)}, "
                "of which no closed form is known",
                f"a number, realised, smile or surface; model on {_CLOSED_FORMS} {_PLAIN}",
            )
        futures = [names for names in known if "model.kappa" in names]
        if self.terms.underlying == "future" and not futures:
            raise Refusal(
                "options.underlying",
                f"future on paths of {_told(source, _WITH_FUTURES)}, "
                "which have no futures in closed form",
                f"price; future on {_WITH_FUTURES} {_PLAIN}",
            )
        if self.terms.underlying == "price" and self.terms.volatility.kind == "model" and futures:
            raise Refusal(
                "options.underlying",
                f"price at the volatility of {source}, whose futures are what it prices",
                "future",
            )

    def _check_expiries(
        self,
        strategy: type[Strategy],
        parameters: NDArray[np.float64],
        steps: int,
        bars_per_session: float,
    ) -> None:
        """Refuse legs that no path is long enough for."""
        volatility = self.terms.volatility
        if self.terms.chain is not None:
            return  # what is quoted decides
        first = volatility.lookback if isinstance(volatility, RealisedVolatility) else 0
        if first >= steps - 1:
            raise Refusal(
                "options.volatility.lookback",
                f"{first} on paths of {steps} bars, on which nothing would be opened",
                f"at most {steps - 2}",
            )
        if self.terms.listing is not None:
            return  # what is listed decides
        # Whatever the strikes: their values may be many, and do not matter here.
        legs = [leg.model_copy(update={"otm": 0.5}) for leg in self.legs_of(strategy)]
        names = list(strategy.parameters)
        followed = {leg.days.name for leg in legs if not isinstance(leg.days, int | float)}
        columns = [names.index(name) for name in sorted(followed)]
        _, rows = np.unique(parameters[:, columns], axis=0, return_index=True)
        for row in rows.tolist():
            values = {
                name: declared.decode(parameters[row, column])
                for column, (name, declared) in enumerate(strategy.parameters.items())
            }
            longest = encode_legs(legs, values, bars_per_session)[:, LEG_BARS].max()
            if first + longest >= steps:
                after = f", the first of which is at bar {first}," if first else ""
                raise Refusal(
                    "strategy.parameters",
                    f"an expiry {longest:g} bars after the entry{after} on paths of {steps}",
                    f"at most {steps - 1 - first}",
                )


def _check_hooks(strategy: Any) -> None:
    """Refuse hooks that would never run, or with what none can stand beside."""
    strategy.check_option_hooks()


def _check_execution(execution: Execution) -> None:
    """Refuse settings of orders in the underlying, which nothing here reads."""
    usual = Execution().model_dump()
    for name, value in execution.model_dump().items():
        if name not in _READ and value != usual[name]:
            raise Refusal(
                f"execution.{name}",
                "a setting of orders in the underlying",
                ", ".join(sorted(_READ)),
                hint="costs, contract and margin of options stand in `options`",
            )


def _told(source: str, models: str) -> str:
    """Return a source's name, and what of it may be why it has no closed form."""
    return f"{source} as it is set here" if source in models.split(", ") else source
