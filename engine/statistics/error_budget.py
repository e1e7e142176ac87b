"""Components of an estimate's error: Monte Carlo, history, parameters of the model."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import Refusal
from engine.statistics.distributions import normal_quantile, student_quantiles
from engine.statistics.estimates import Estimates, Method
from engine.statistics.linearised import check_confidence
from engine.statistics.nested import NestedVariance

__all__ = [
    "Component",
    "ErrorBudget",
    "Scale",
    "error_budget",
    "history_by_influence",
    "outer_component",
]

Floats = NDArray[np.float64]
Scale = Literal["plain", "logarithm", "share"]

# The largest exponent that does not overflow.
_LARGEST_EXPONENT = 700.0
# Shift of the history at which reactions to either side are compared, in standard errors.
_TWO = 2.0


@dataclass(frozen=True)
class Component:
    """One kind of error.

    Parameters
    ----------
    error : ndarray of float64, shape (sets,)
        Standard error; NaN where it is not known.
    square_error : ndarray of float64, shape (sets,)
        Standard error of the square of `error`: how well the error itself is known.
    below, above : ndarray of float64, shape (sets,), optional
        Errors to either side, where the estimate reacts more to a shift one way than the other:
        half the change that two standard errors cause. By default both are `error`.
    """

    error: Floats
    square_error: Floats
    below: Floats | None = None
    above: Floats | None = None

    @classmethod
    def of(cls, error: ArrayLike, freedom: ArrayLike) -> Component:
        """Return an error whose square has these degrees of freedom."""
        known = np.atleast_1d(np.asarray(error, dtype=np.float64))
        return cls(known, known**2 * np.sqrt(2.0 / np.asarray(freedom, dtype=np.float64)))


@dataclass(frozen=True)
class ErrorBudget:
    """The three kinds of error of one statistic, per parameter set.

    Parameters
    ----------
    estimates : Estimates
        The estimates with their total error and its interval.
    monte_carlo, history, parameters, total : ndarray of float64, shape (sets,)
        Standard errors; NaN where a kind was not measured. The total is of those measured.
    dominant : ndarray of str, shape (sets,)
        The largest of those measured: more seeds shrink ``monte_carlo``, a longer history
        ``history`` and ``parameters``.
    missing : tuple of str
        Kinds that were not measured; the total leaves them out.
    """

    estimates: Estimates
    monte_carlo: Floats
    history: Floats
    parameters: Floats
    total: Floats
    dominant: NDArray[np.str_]
    missing: tuple[str, ...]


def error_budget(
    monte_carlo: Estimates,
    *,
    history: Component | None = None,
    parameters: Component | None = None,
    confidence: float = 0.95,
    scale: Scale = "plain",
) -> ErrorBudget:
    """Add up the errors of an estimate.

    Parameters
    ----------
    monte_carlo : Estimates
        The estimates with their Monte Carlo error.
    history : Component, optional
        Error by the finite history that was resampled or calibrated on: `history_by_influence`,
        or `outer_component` of studies on resampled histories.
    parameters : Component, optional
        Error by the calibrated parameters: `outer_component` of a study over draws of them.
    confidence : float
        Level of the total interval.
    scale : {"plain", "logarithm", "share"}
        On which the interval is symmetric: that of the estimate, the logarithm of a positive one,
        or the log-odds of a share.

    Returns
    -------
    ErrorBudget
        One total error and its parts per set.

    Notes
    -----
    The kinds are independent: squares add. The interval is Student's with Satterthwaite's degrees
    of freedom, 2 V^2 over the sum of the squared standard errors of the parts of the variance V,
    at least 1; or the normal one with the variance one standard error above its estimate, if that
    is narrower: a part that does not stand out of the Monte Carlo noise leaves next to no degrees
    of freedom. Coverage then is 95 to 100 %. It is never within that of `monte_carlo`, and is the
    same if only the Monte Carlo error is known. Where there is none, no other part is stated.

    References
    ----------
    Satterthwaite (1946), "An approximate distribution of estimates of variance components".

    Examples
    --------
    >>> from engine.statistics.moments import means
    >>> sample = means([1.0, 2.0, 3.0, 4.0, 6.0]).estimates()
    >>> budget = error_budget(sample, history=Component.of(2.0, freedom=40))
    >>> str(budget.dominant[0]), round(float(budget.total[0]), 2), budget.missing
    ('history', 2.18, ('parameters',))
    """
    check_confidence(confidence)
    sets = len(monte_carlo)
    unknown = np.full(sets, math.nan)
    kinds = {
        "monte_carlo": Component.of(monte_carlo.std_error, np.maximum(monte_carlo.n - 1.0, 1.0)),
        "history": history or Component(unknown, unknown),
        "parameters": parameters or Component(unknown, unknown),
    }
    errors = np.stack([part.error for part in kinds.values()])
    # Without an error over these paths there is nothing to add to.
    errors[1:, np.isnan(monte_carlo.std_error) & (monte_carlo.n > 1)] = math.nan
    spreads = np.stack([part.square_error for part in kinds.values()])
    known = ~np.isnan(errors)
    variance = (np.where(known, errors, 0.0) ** 2).sum(axis=0)
    total = np.sqrt(variance)
    doubt = (np.where(known, spreads, 0.0) ** 2).sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        freedom = np.where(doubt > 0.0, 2.0 * variance**2 / doubt, 1e9)
    probability = 0.5 + confidence / 2
    reach = np.minimum(
        student_quantiles(probability, freedom) * total,
        normal_quantile(probability) * np.sqrt(variance + np.sqrt(doubt)),
    )
    value = monte_carlo.value
    several = known[1:].any(axis=0) & ~np.isnan(value)
    method = np.where(several, Method.BUDGET.value, monte_carlo.method).astype("U24")
    # The logarithm and the log-odds bend as estimates near their bounds do.
    longer = np.ones((2, sets))
    if scale == "plain":
        longer = _longer(list(kinds.values()), errors, variance)
    low, high = _ends(value, reach * longer[0], scale)[0], _ends(value, reach * longer[1], scale)[1]
    estimates = Estimates(
        value,
        np.where(several, total, monte_carlo.std_error),
        np.where(several, np.fmin(low, monte_carlo.low), monte_carlo.low),
        np.where(several, np.fmax(high, monte_carlo.high), monte_carlo.high),
        monte_carlo.n,
        method,
        monte_carlo.idle,
    )
    names = np.array([*kinds, "none"])
    largest = np.where(known.any(axis=0), np.argmax(np.where(known, errors, -1.0), axis=0), 3)
    missing = tuple(name for name, part in kinds.items() if np.isnan(part.error).all())
    return ErrorBudget(
        estimates,
        errors[0],
        errors[1],
        errors[2],
        np.where(known.any(axis=0), total, math.nan),
        names[largest],
        missing,
    )


def _longer(kinds: list[Component], errors: Floats, variance: Floats) -> Floats:
    """Factors of the reach below and above, where a kind of error differs from side to side."""
    more = np.zeros((2, len(variance)))
    for part, error in zip(kinds, errors, strict=True):
        if part.below is not None and part.above is not None:
            sides = np.stack([part.below, part.above])
            more += np.where(np.isnan(error), 0.0, sides**2 - error**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.sqrt(np.maximum(1.0 + np.nan_to_num(more / variance), 0.0)))


def _ends(value: Floats, reach: Floats, scale: Scale) -> tuple[Floats, Floats]:
    with np.errstate(divide="ignore", invalid="ignore"):
        if scale == "logarithm":
            factor = np.exp(np.minimum(reach / value, _LARGEST_EXPONENT))
            return value / factor, value * factor
        if scale == "share":
            odds = value / (1.0 - value)
            factor = np.exp(np.minimum(reach / (value * (1.0 - value)), _LARGEST_EXPONENT))
            low, high = odds / factor, odds * factor
            return low / (1.0 + low), high / (1.0 + high)
    return value - reach, value + reach


def outer_component(found: NestedVariance) -> Component:
    """Return the error that the outer draws show: by parameters, or by resampled histories.

    The standard error is the standard deviation between draws, since the truth is like one draw.
    It may be 0, where the paths alone explain how the draws' means differ; the uncertainty of its
    square then widens the total interval.

    Parameters
    ----------
    found : NestedVariance
        Of the statistic over outer draws.

    Returns
    -------
    Component
        The standard deviation between draws, with how well it is known.
    """
    return Component(np.sqrt(found.between), found.between_error)


def history_by_influence(
    outcomes: ArrayLike,
    starts: ArrayLike,
    *,
    totals: ArrayLike | None = None,
    by_block: ArrayLike | None = None,
) -> Component:
    """Error by the history that paths were resampled from, without resampling it again.

    Parameters
    ----------
    outcomes : array_like, shape (paths,) or (sets, paths)
        Influences or outcomes of a statistic on bootstrapped paths; no NaN.
    starts : array_like, shape (paths, blocks)
        How many runs of drawn bars of each path began in each block of the history; of a bootstrap
        of single bars, how many bars came from it. Blocks are consecutive and of equal length,
        several times longer than what the bars depend on one another by; some dozens.
    totals : array_like, shape (paths, features), optional
        Sums over each path of features of the drawn bars, such as their returns, that explain part
        of the outcomes.
    by_block : array_like, shape (features, blocks), optional
        How the expected totals change with the weight of each block, which is known exactly.

    Returns
    -------
    Component
        NaN where nothing stands out of the Monte Carlo noise: run more paths.

    Raises
    ------
    ValueError
        If the shapes do not match or there are fewer than ten blocks.

    Notes
    -----
    A block's influence is the derivative of the estimate by the block's weight. The weights of
    blocks decide where runs begin and nothing else, so it is the covariance of outcomes and
    starts over paths, and the variance of the estimate over histories is the sum of the squares
    of these (the infinitesimal jackknife after bagging [1]_), widened by blocks / (blocks - 1).
    Off goes what the Monte Carlo noise of the covariances adds, the sum of the variances of
    (y - mean y) (N - mean N) over the paths [2]_. With features the noise is that of their
    residuals alone: cov(y, N) = b cov(F, N) + cov(y - b F, N) for any b, here that of least
    squares, and the first term is known. What the residuals add, d, counts as d - s^2 / d where it
    is above its own standard error s, and not at all below: taken as it comes, it would double
    the error of few paths half of the time. The square has blocks - 1 degrees of freedom. With
    features the errors to either side count in how the estimate bends as the history moves, and
    are never below that of the straight line [3]_.
    Coverage on real strategies: ``python -m benchmarks.validity histories``.

    References
    ----------
    .. [1] Efron (2014), "Estimation and accuracy after model selection".
    .. [2] Wager, Hastie and Efron (2014), "Confidence intervals for random forests: the jackknife
       and the infinitesimal jackknife".
    .. [3] Efron (1987), "Better bootstrap confidence intervals": least favourable families.
    """
    y = np.atleast_2d(np.asarray(outcomes, dtype=np.float64))
    counts = np.asarray(starts, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != y.shape[1] or counts.shape[1] < 10:
        raise Refusal("starts", f"shape {counts.shape}", f"({y.shape[1]} paths, 10 blocks or more)")
    paths, blocks = counts.shape
    rest = y - y.mean(axis=1, keepdims=True)
    known, freedom, excess = np.zeros((len(y), blocks)), paths - 1.0, np.zeros(len(y))
    if totals is not None and by_block is not None:
        f, change = np.asarray(totals, np.float64), np.asarray(by_block, np.float64)
        if f.shape[:1] != (paths,) or change.shape != (f.shape[1], blocks):
            raise Refusal(
                "totals, by_block",
                f"shapes {f.shape} and {change.shape}",
                f"({paths}, features) and (features, {blocks})",
            )
        f = f - f.mean(axis=0)
        inverse = np.linalg.pinv(f.T @ f, hermitian=True)
        slopes = inverse @ (f.T @ rest.T)
        rest = rest - (f @ slopes).T
        known = slopes.T @ change
        freedom -= f.shape[1]
        # What the errors of the slopes add to the squares.
        excess = (rest**2).sum(axis=1) / freedom * float(np.trace(change.T @ inverse @ change))
    apart = counts - counts.mean(axis=0)
    covariance = rest @ apart / freedom
    products = (rest**2) @ (apart**2) / freedom
    noise = (products - covariance**2).sum(axis=1) / paths
    explained = np.maximum((known**2).sum(axis=1) - excess, 0.0)
    other = ((known + covariance) ** 2 - known**2).sum(axis=1) - noise
    doubt = noise * math.sqrt(2.0 / (blocks - 1.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        shrunk = np.where(other > doubt, other - doubt**2 / other, 0.0)
    wider = blocks / (blocks - 1.0)
    signal = (explained + shrunk) * wider
    error = np.where(signal > 0.0, np.sqrt(signal), math.nan)
    found = Component.of(error, blocks - 1.0)
    if totals is None or by_block is None:
        return found
    sides = _either_side(y - y.mean(axis=1, keepdims=True), f, slopes, change * math.sqrt(wider))
    below, above = (np.sqrt(np.maximum(side**2 + shrunk * wider, signal)) for side in sides)
    return replace(found, below=below, above=above)


def _either_side(
    outcomes: Floats, totals: Floats, slopes: Floats, change: Floats
) -> tuple[Floats, Floats]:
    """Return how far an estimate falls and rises as the history moves by two errors, halved.

    The history moves along the direction in which the estimate changes fastest, and along that of
    the first feature. Paths are reweighted so that their mean totals move with it: with v the
    standardised weight's logarithm, the estimate moves by E[y v] s z + E[y (v^2 - 1)] / 2 s^2 z^2,
    the first Hermite terms, s the move per error z in standard deviations of a path.
    """
    paths = len(totals)
    spread = change @ change.T
    inverse = np.linalg.pinv(totals.T @ totals / (paths - 1.0), hermitian=True)
    steepest = slopes.T @ spread
    length = np.sqrt(np.maximum((steepest * slopes.T).sum(axis=1), 1e-300))
    first = spread[0] / math.sqrt(max(float(spread[0, 0]), 1e-300))
    falls, rises = np.zeros(len(outcomes)), np.zeros(len(outcomes))
    for shift in (steepest / length[:, None], np.broadcast_to(first, steepest.shape)):
        weight = shift @ inverse
        size = np.sqrt(np.maximum((weight * shift).sum(axis=1), 1e-300))
        v = weight @ totals.T / size[:, None]
        bent = outcomes * (v * v - 1.0)
        curve = 0.5 * bent.mean(axis=1)
        noise = 0.5 * bent.std(axis=1) / math.sqrt(paths)
        with np.errstate(divide="ignore", invalid="ignore"):
            kept = np.where(np.abs(curve) > noise, curve - noise**2 / curve, 0.0) * size**2
            slope = (shift * slopes.T).sum(axis=1)
            turn = np.clip(np.where(kept == 0.0, 0.0, -slope / (2.0 * kept)), -_TWO, _TWO)
        moved = np.stack([slope * z + kept * z * z for z in (-_TWO, _TWO, turn)])
        falls = np.maximum(falls, -moved.min(axis=0) / _TWO)
        rises = np.maximum(rises, moved.max(axis=0) / _TWO)
    return falls, rises
