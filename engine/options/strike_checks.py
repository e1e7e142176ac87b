"""Strikes and expiries that no option has are refused before anything runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import Refusal
from engine.options.book_terms import legs_field
from engine.options.legs import Leg
from engine.options.listings import option_listing
from engine.options.settings import OptionSettings
from engine.strategies.parameters import Parameter

__all__ = ["check_expiry_order", "check_strikes"]

Array = NDArray[np.float64]

# Of a strike, over the distance of listed ones, within which it is one of them.
_NEAR = 1e-6


def check_strikes(
    strategy: Any, legs: Sequence[Leg], parameters: Array, settings: OptionSettings
) -> None:
    """Refuse strikes that no option has: off the grid, at or below zero, of no delta or premium.

    Parameters
    ----------
    strategy : type
        The strategy.
    legs : sequence of Leg
        A group of them, of the strategy or of the study.
    parameters : ndarray of float64, shape (sets, parameters)
        Encoded, in the order of its declarations.
    settings : OptionSettings
        Of the study.

    Raises
    ------
    Refusal
        Names the parameter or the leg, of a strike off the grid those beside it.
    """
    for place, leg in enumerate(legs):
        if leg.right == "underlying":
            continue
        own = f"{legs_field(strategy)}.{place}"
        for by, field, offsets in _offsets(strategy, leg, own, parameters):
            _check_offsets(by, offsets, leg, field, settings)
            if by == "first_leg":
                _check_first(place, legs[0], own)


def check_expiry_order(strategy: Any, parameters: Array) -> None:
    """Refuse a far leg that expires no later than the near one.

    Parameters
    ----------
    strategy : type
        The strategy, whose `near_and_far` names two parameters.
    parameters : ndarray of float64, shape (sets, parameters)
        Encoded, in the order of its declarations.

    Raises
    ------
    Refusal
        Names the parameter of the far leg.
    """
    if strategy.near_and_far is None:
        return
    names = list(strategy.parameters)
    near, far = (parameters[:, names.index(name)] for name in strategy.near_and_far)
    wrong = np.flatnonzero(far <= near)
    if len(wrong):
        first, (near_name, far_name) = wrong[0], strategy.near_and_far
        raise Refusal(
            f"strategy.parameters.{far_name}",
            f"{far[first]:g} with {near_name} {near[first]:g}",
            f"more than {near_name}",
        )


def _offsets(
    strategy: Any, leg: Leg, own: str, parameters: Array
) -> Iterator[tuple[str, str, Array]]:
    """Yield each rule by which a leg is struck in some set, its field, and its offsets there."""
    column = {name: number for number, name in enumerate(strategy.parameters)}
    rules = {str(leg.by): np.ones(len(parameters), dtype=bool)}
    if isinstance(leg.by, Parameter):
        codes, declared = parameters[:, column[leg.by.name]], strategy.parameters[leg.by.name]
        rules = {declared.decode(code): codes == code for code in np.unique(codes)}
    for by, of_rule in rules.items():
        if isinstance(leg.otm, Parameter):
            offsets = np.unique(parameters[of_rule, column[leg.otm.name]])
            yield by, f"strategy.parameters.{leg.otm.name}", offsets
        else:
            yield by, f"{own}.otm", np.array([float(leg.otm)])


def _check_offsets(by: str, offsets: Array, leg: Leg, field: str, settings: OptionSettings) -> None:
    positive = settings.pricing != "bachelier"
    fits, allowed = np.ones(len(offsets), dtype=bool), ""
    if by == "delta":
        fits, allowed = (offsets > 0.0) & (offsets < 1.0), "more than 0 and less than 1"
    elif by == "premium":
        fits, allowed = offsets > 0.0, "a premium of more than 0"
    elif by == "first_leg":
        fits, allowed = offsets == 0.0, "0"
    elif by == "absolute" and positive:
        fits, allowed = offsets > 0.0, f"a strike above 0 with pricing: {settings.pricing}"
    elif by == "percent" and positive:
        fits = offsets < 100.0 if leg.right == "put" else offsets > -100.0
        bound = "less than 100" if leg.right == "put" else "more than -100"
        allowed = f"{bound}, a strike above 0, with pricing: {settings.pricing}"
    if not fits.all():
        raise Refusal(field, f"{offsets[~fits][0]:g} by {by}", allowed)
    if by == "absolute" and settings.chain is None:
        _check_listed(offsets, field, settings)


def _check_listed(strikes: Array, field: str, settings: OptionSettings) -> None:
    steps = [settings.strike_step] if settings.strike_step > 0.0 else []
    if settings.listing is not None:
        steps = [band.increment for band in option_listing(settings.listing).grid.bands]
    for strike in strikes.tolist() if steps else ():
        whole = [strike / step for step in steps]
        if all(abs(each - round(each)) > _NEAR for each in whole):
            step = min(steps)
            below = math.floor(strike / step) * step
            raise Refusal(
                field,
                f"{strike:g}, a strike that is not listed",
                f"listed ones, such as {below:g} or {below + step:g}",
            )


def _check_first(place: int, first: Leg, own: str) -> None:
    """Refuse the strike of a first leg that has none, or may not be there."""
    if place == 0 or first.right == "underlying" or first.when != "always":
        raise Refusal(
            f"{own}.by",
            "first_leg" if place == 0 else "first_leg after a leg that may have no strike",
            "a later leg after an option that is always opened",
        )
