"""Settings of option strategies in a study: contract, volatility, costs, margin."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from engine.errors import Refusal
from engine.options.chain_settings import ChainSettings
from engine.options.legs import Leg
from engine.options.margin_settings import Margin, ShareMargin
from engine.options.smile_settings import SmileVolatility, SurfaceVolatility
from engine.settings import SettingsGroup
from engine.strategies.conditions import read_condition

__all__ = [
    "ConstantVolatility",
    "ModelVolatility",
    "OptionSettings",
    "RealisedVolatility",
    "Spread",
    "UnderlyingCosts",
]


_KIND: Final = "Where the volatility of options comes from."


class ModelVolatility(SettingsGroup):
    """The path's own dynamics, times a premium: the assumed edge of who sells.

    Parameters
    ----------
    premium : float
        Factor; 1.1 means that options cost a tenth more volatility than the model has, and 1 that
        nobody has an edge.
    """

    kind: Literal["model"] = Field("model", description=_KIND)
    premium: float = Field(1.0, gt=0, le=100)


class ConstantVolatility(SettingsGroup):
    """One volatility for every option and bar.

    Parameters
    ----------
    value : float
        Annual; in units of the price with ``pricing: bachelier``.
    """

    kind: Literal["constant"] = Field("constant", description=_KIND)
    value: float = Field(gt=0, le=1e9)


class RealisedVolatility(SettingsGroup):
    """What the path has just moved by, times a premium: the assumed edge of who sells.

    Parameters
    ----------
    lookback : int
        Bars of the trailing root mean square; nothing is opened before they are there.
    premium : float
        Factor; 1.1 means that options cost a tenth more volatility than was realised.
    """

    kind: Literal["realised"] = Field("realised", description=_KIND)
    lookback: int = Field(21, ge=1, le=100_000)
    premium: float = Field(1.0, gt=0, le=100)


class Spread(SettingsGroup):
    """Distance between bid and ask: the sum of its parts.

    Parameters
    ----------
    percent : float
        Percent of the premium.
    points : float
        Points of the premium: ticks times their size.
    crossed : float, optional
        Share of the half-spread that a fill pays. By default it falls with the number of legs, from
        0.75 of one to 0.56 of four and more.
    wider_otm : float
        By which share of itself it grows with each standard deviation out of the money.
    wider_near : float
        By which share of itself it is wider on the last day; with n days left, by an nth of that.
    """

    percent: float = Field(0.0, ge=0, lt=200)
    points: float = Field(0.0, ge=0, le=1e9)
    wider_otm: float = Field(0.0, ge=0, le=1000)
    wider_near: float = Field(0.0, ge=0, le=1000)
    crossed: float | None = Field(None, ge=0, le=1)


class UnderlyingCosts(SettingsGroup):
    """What trading and holding the underlying costs: for hedges, covered calls, deliveries.

    Parameters
    ----------
    percent, points : float
        Distance between bid and ask, of which every trade pays half: percent of the price, and
        points.
    commission : float
        Account currency per contract's worth.
    margin : float, optional
        Share of its value that holding it asks for: by default all of a spot
        (``pricing: black_scholes``), of which ``margin: reg_t`` asks for half, and a tenth of a
        future.
    """

    percent: float = Field(0.0, ge=0, lt=200)
    points: float = Field(0.0, ge=0, le=1e9)
    commission: float = Field(0.0, ge=0, le=1e9)
    margin: float | None = Field(None, ge=0, le=10)


def _named_volatility(given: Any) -> Any:
    """Take `model` for its settings, and a number for a constant."""
    if isinstance(given, str):
        return {"kind": given}
    if isinstance(given, int | float) and not isinstance(given, bool):
        return {"kind": "constant", "value": given}
    return given


Volatility = Annotated[
    Annotated[
        ModelVolatility
        | ConstantVolatility
        | RealisedVolatility
        | SmileVolatility
        | SurfaceVolatility,
        Field(discriminator="kind"),
    ],
    BeforeValidator(_named_volatility),
]


class OptionSettings(SettingsGroup):
    """What the options of a study are, what they cost, and what holding them asks for.

    Parameters
    ----------
    multiplier : float
        Account currency per point of premium and contract.
    underlying : {"price", "future"}
        What an option is on: the price of the path, or the future of the path's model that expires
        `future_days` after the option.
    future_days : float
        Sessions from the expiry of an option to that of its future.
    pricing : {"black76", "black_scholes", "bachelier"}
        ``black76``: the price of the path is that of a future. ``black_scholes``: it is a spot that
        grows at `rate` less `dividend`. ``bachelier``: a future whose price may be below zero.
    rate : float
        Annual rate of discounting, continuously compounded.
    dividend : float
        Annual yield of a spot.
    volatility : "model", float or settings of a kind
        At which options are priced: ``model``, ``constant``, ``realised``, ``smile`` or
        ``surface``. It decides the result: an option sold at the model's own
        volatility earns minus its costs.
    spread : Spread
        Between bid and ask.
    commission : float
        Account currency per option and fill.
    exercise_fee : float
        Account currency per option that expires in the money.
    strike_step : float
        Distance of listed strikes; 0: every strike is listed.
    margin : float, PointsMargin, StrategyMargin or ScanMargin
        Share of the underlying's value that an uncovered short option asks for beside what buying
        the position back costs, by default 0.1; or an amount, ``{points: 5}``, also at prices near
        zero, of which a share is nothing; or a rule, ``reg_t`` or ``scan``. A position that
        asks for more than equity is not opened, and one that comes to it is closed, the whole
        half-spread crossed (`margin_calls`).
    exercise : {"european", "american"}
        ``american`` options are priced as such, and exercised at the first close at which that
        brings more than holding them, those that were sold as well as those that were bought.
    settlement : {"cash", "physical"}
        Whether an option in the money is paid in cash, or turns into the underlying: which is sold
        at the same close, but by strategies that hold it.
    underlying_costs : UnderlyingCosts
        Of trading the underlying.
    listing : {"CL", "ES", "SPX", "equity"}, optional
        Whose strikes, expiries and ticks the options have (`mc.option_listing`); by default all
        strikes on `strike_step` and every day.
    start : date, optional
        Day of the first bar of a simulated path, by which listed expiries are known.
    chain : ChainSettings, optional
        Quotes that options on history are chosen from, marked with and filled at; volatility,
        spread and strikes are theirs.
    greeks : bool
        Whether profit is told by greek, in `record: {trades: true}` also of each leg.
    when : str, optional
        Condition at whose closes alone positions are opened, such as ``close > sma(50)``
        (`engine.strategies.conditions.read_condition`); it may name parameters of the strategy.
    legs : sequence of Leg, optional
        Of the strategy ``option_legs``, which has none of its own.
    """

    multiplier: float = Field(100.0, gt=0, le=1e9)
    underlying: Literal["price", "future"] = "price"
    future_days: float = Field(0.0, ge=0, le=10_000)
    pricing: Literal["black76", "black_scholes", "bachelier"] = "black76"
    rate: float = Field(0.0, gt=-1, lt=1)
    dividend: float = Field(0.0, gt=-1, lt=1)
    volatility: Volatility = Field(default_factory=lambda: ModelVolatility.model_validate({}))
    spread: Spread = Field(default_factory=lambda: Spread.model_validate({}))
    commission: float = Field(0.0, ge=0, le=1e9)
    exercise_fee: float = Field(0.0, ge=0, le=1e9)
    strike_step: float = Field(0.0, ge=0, le=1e9)
    margin: Margin = Field(default_factory=lambda: ShareMargin.model_validate({}))
    exercise: Literal["european", "american"] = "european"
    settlement: Literal["cash", "physical"] = "cash"
    underlying_costs: UnderlyingCosts = Field(
        default_factory=lambda: UnderlyingCosts.model_validate({})
    )
    listing: Literal["CL", "ES", "SPX", "equity"] | None = None
    start: date | None = None
    chain: ChainSettings | None = None
    greeks: bool = False
    when: str | None = None
    legs: tuple[Leg, ...] = ()

    @field_validator("when")
    @classmethod
    def _a_condition(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                read_condition(value)
            except Refusal as refusal:
                raise Refusal("", refusal.found, refusal.allowed) from None
        return value

    @model_validator(mode="after")
    def _fits(self) -> OptionSettings:
        if self.pricing != "black_scholes" and self.dividend:
            raise Refusal("dividend", f"{self.dividend:g}", "0 but with pricing: black_scholes")
        if self.underlying == "price" and self.future_days:
            raise Refusal("future_days", f"{self.future_days:g}", "0 but with underlying: future")
        if self.underlying == "future" and self.pricing != "black76":
            raise Refusal("pricing", self.pricing, "black76 with underlying: future")
        if self.chain is not None and self.listing is not None:
            raise Refusal("listing", f"{self.listing} beside a chain", "one of the two")
        if self.chain is not None and self.underlying == "future":
            raise Refusal("chain", "quotes with underlying: future", "underlying: price")
        if self.pricing == "bachelier" and self.exercise == "american":
            raise Refusal("exercise", "american", "european with pricing: bachelier")
        if self.pricing == "bachelier" and self.margin.rule not in ("share", "points"):
            raise Refusal(
                "margin.rule", self.margin.rule, "a share or points with pricing: bachelier"
            )
        if self.pricing == "bachelier" and self.volatility.kind not in ("constant", "realised"):
            raise Refusal(
                "volatility", self.volatility.kind, "constant or realised with pricing: bachelier"
            )
        return self
