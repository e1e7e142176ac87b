"""Environments by name of a market."""

from __future__ import annotations

from typing import Any

from engine.errors import Refusal

__all__ = ["make_env"]


def make_env(
    market: str = "mes_intraday",
    *,
    num_envs: int | None = None,
    autoreset: str = "next_step",
    **settings: Any,
) -> Any:
    """Make a Gymnasium environment on the order engine of the studies.

    One step is one bar: the agent acts at the close of a bar, as a strategy does; its orders fill
    by the rules of the execution settings, and it sees the next close. For the same actions its
    equity is that of a study, bit for bit, and seed s has the path of study seed s.

    Parameters
    ----------
    market : str
        ``"mes_intraday"`` (one Micro E-mini contract, minute bars, flat over night),
        ``"mes_daily"``, or an instrument's preset such as ``"equity"`` or ``"NQ"``.
    num_envs : int, optional
        Make a `VectorEnv` of so many; by default one `Env`.
    autoreset : {"next_step", "same_step", "disabled"}
        Of a `VectorEnv`: when an episode that is over gives way to the next.
    source : Source or str
        Where paths come from; by default geometric Brownian motion without drift.
    reward : Reward, type or str
        ``"net_pnl"``, ``"step"``, ``"episode"``, ``"differential_sharpe"``,
        ``"drawdown_penalised"``, or a `Reward` of one's own.
    features : str, sequence or mapping
        What is observed of the market. ``"default"``: SMA, EMA and HMA of 3, 5, 7, 11, 13, 17, 19,
        23, 29, 31, 37, 41, 43, 47 and 53 bars, ATR of 7, 14 and 21, true range, the standard
        deviation of 20 bars, sine and cosine of 2π·hour/24; 52 in all. ``"relative"``: the same
        as shares of the price. Or names (``"rsi_14"``, ``"macd"``, ``"bollinger_20"``,
        ``"return_5"``, ``"timestamp"``, a column or state of the source), or a mapping of names to
        indicators. The state of the account follows: position of each symbol as a share of its
        limit; gain, open gain and drawdown as shares of the cash at the start; time left.
    actions : {"sides", "target", "orders"}
        0 flat, 1 long, 2 short; or a target position from -1 to 1, as a share of `units`, to the
        nearest lot; or an order: its kind (none, market, limit, stop, bracket, close, cancel), its
        side (buy, sell) and the distance of its prices, 1 to 10 times `distance`. What the order
        engine refuses is in ``info["refused"]``.
    steps : int, optional
        Bars of a path that are traded; by default a session of intraday bars, 252 of others, all of
        history.
    episode : int or "session", optional
        Bars of an episode; by default the whole path.
    start : {"first", "random", "regime"} or mapping
        Where on its path an episode begins: at its first bar; at one drawn by the seed; at one in
        a regime of the path, each regime alike, by the column ``regime``; or in the regime of a
        value, ``{"regime": 1}``.
    warm_up : int or "auto"
        Bars that features see before the first that is traded; by default as many as they need.
    seeds : iterable of int, optional
        What a `reset` without a seed goes through; by default all, from 0 on. The first
        `fit_paths` of them are those that normalisation is fitted on.
    execution : Execution or mapping
        Settings in place of the market's.
    calendar : BarCalendar
        In place of the market's.
    s0 : float or tuple of float
        Start price.
    units : float or tuple of float
        Largest position of each symbol; by default the position limit, else one futures contract,
        else what 95 % of the cash buys at the start price, of history the first traded open.
    normalise : bool or Normalisation
        Whether features are shifted and divided by means and spreads of the training paths; or
        those of another environment.
    fit_paths : int
        Paths that they are fitted on.
    ruin : float
        Share of the cash at or below which an episode terminates.
    distance : float
        Step of the distance of resting orders, as a share of the close.
    order_capacity, lot_capacity : int
        Most orders, and most lots of a symbol, that may be open at once.

    Returns
    -------
    TradingEnv or TradingVectorEnv

    Raises
    ------
    Refusal
        If an argument is unknown or not allowed, or a feature needs what the source does not have.
    ModuleNotFoundError
        If Gymnasium is not installed: it comes with the extra ``learning``.

    Examples
    --------
    >>> import engine as mc
    >>> env = mc.make_env("mes_daily", features=["rsi_14", "return_1"], steps=64)
    >>> seen, info = env.reset(seed=7)
    >>> seen.shape, info["seed"]
    ((7,), 7)
    >>> seen, reward, terminated, truncated, info = env.step(1)
    >>> terminated, truncated
    (False, False)
    """
    import dataclasses

    from gymnasium.envs.registration import EnvSpec
    from gymnasium.vector import AutoresetMode

    from engine.environment.settings import Settings
    from engine.environment.trading_env import TradingEnv
    from engine.environment.trading_vector_env import AUTORESET_MODES, TradingVectorEnv

    known = [field.name for field in dataclasses.fields(Settings)]
    for name in settings:
        if name not in known:
            raise Refusal("make_env", name, ", ".join((*known, "num_envs", "autoreset")))
    mode = autoreset.name.lower() if isinstance(autoreset, AutoresetMode) else autoreset
    if mode not in AUTORESET_MODES:
        raise Refusal("autoreset", repr(autoreset), ", ".join(AUTORESET_MODES))
    if num_envs is None:
        env = TradingEnv(market, **settings)
        # As `gymnasium.make` does, so that wrappers and checks can make it again.
        env.spec = EnvSpec(
            "mc/Trading-v0",
            entry_point="engine.environment.trading_env:TradingEnv",
            kwargs={"market": market, **settings},
        )
        return env
    return TradingVectorEnv(num_envs, market, autoreset, **settings)
