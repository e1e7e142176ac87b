"""All parameter sets on a path before the next path: the compiled loop of option strategies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.compiled import kernel
from engine.compiled.linking import call_at
from engine.compiled.views import address_of
from engine.execution.layout import NOT_FINITE, PATH, SEED, STATUS
from engine.execution.metrics import summarise
from engine.execution.state import simulation_at
from engine.options.layout import (
    BOOKED,
    CASH,
    LEG_WIDTH,
    LEVEL,
    NORMAL,
    OF_FUTURE,
    OK,
    RULES_WIDTH,
    TAPE_FULL,
)
from engine.options.metrics import write_account, write_options
from engine.options.positions import trade_path
from engine.options.volatility import fill_levels, fill_series, fill_tables

__all__ = ["run_paths"]

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

# A group of metrics, by the address of its code: the frame, and where its metrics go.
call_measure = call_at(2)
# The book: frame, parameter set, first bar, columns of the tape that are taken.
call_book = call_at(4)


@kernel
def run_paths(
    values: Array,
    identities: Integers,
    price_field: int,
    yield_field: int,
    constant_fields: Integers,
    dynamics: int,
    of_model: bool,
    market: Array,
    first: int,
    terms: Array,
    plans: Array,
    series: Array,
    tables: Array,
    surface: Array,
    room: Array,
    held: Array,
    margin_terms: Array,
    margin_room: Array,
    calls: Flags,
    totals: Array,
    frame: Integers,
    metrics: Array,
    status: NDArray[np.int8],
    samples: Integers,
    equity: Array,
    tape: Array,
    ends: Integers,
    groups: Integers,
    options_at: int,
    greeks: bool,
    book: int,
    book_frame: Integers,
    begin: int,
) -> int:
    """Run simulations from `begin` on, counted over paths and sets.

    Parameters
    ----------
    values : ndarray of float64, shape (paths, 1, fields, bars)
        The paths.
    identities : ndarray of int64, shape (paths, 2)
        Seed and number of each path.
    price_field, yield_field : int
        Fields of the price, or of the spot behind futures, and of the convenience yield; -1: none.
    constant_fields : ndarray of int64, shape (constants,)
        Fields of the constants of the path's model, in the order of `DYNAMICS`.
    dynamics : int
        Place in `DYNAMICS`.
    of_model : bool
        Whether options are priced at the model's own volatility.
    market : ndarray of float64, shape (7,)
        Length of a bar and lag of futures in years, rate, carry; level, window and premium of the
        volatility, of which a window of 0 stands for none.
    first : int
        First bar that trades.
    terms : ndarray of float64, shape (TERMS_WIDTH,)
        Settings.
    plans : ndarray of float64, shape (sets, RULES_WIDTH + legs * LEG_WIDTH)
        Parameter sets.
    series, tables, surface, room, held, totals : ndarray of float64
        To work in, as of `trade_path`.
    margin_terms, margin_room, calls : ndarray
        The rule for margin, and room to work in, as of `trade_path`.
    frame : ndarray of int64
        Of the simulation whose account and curve metrics are computed from.
    metrics, status, samples, equity, tape, ends : ndarray
        Outputs, as of `engine.strategies.loop.path_loop`.
    groups : ndarray of int64, shape (groups, 2)
        Of further groups of metrics the address of their code and their place in a row, in bytes.
    options_at : int
        Place of the group ``options`` in a row; -1: it is not asked for.
    greeks : bool
        Whether the book tells profit by greek.
    book : int
        Address of the code of the book, for sets that ask for it (`engine.options.book`).
    book_frame : ndarray of int64
        Of its arrays.

    Returns
    -------
    int
        The simulation that found no room on the tape, or their number.
    """
    address: int = address_of(frame)
    sets = len(plans)
    leg_count = (plans.shape[1] - RULES_WIDTH) // LEG_WIDTH
    constants = np.empty(constant_fields.size)
    used = np.zeros(1)
    if begin > 0 and ends.size > 0:
        used[0] = ends[begin - 1]
    done = begin
    for path in range(begin // sets, len(values)):
        frame[0] = address_of(values[path])
        fields = values[path, 0]
        for index in range(constant_fields.size):
            constants[index] = fields[constant_fields[index], first]
        of_future = terms[OF_FUTURE] != 0.0
        fill_tables(
            dynamics, constants, of_model, of_future,
            market[0], market[1], market[2], market[3], tables,
        )  # fmt: skip
        prices = fields[price_field]
        yields = fields[yield_field] if yield_field >= 0 else prices[:0]
        fill_series(prices, yields, of_future, market[4], series)
        if market[5] > 0.0:
            fill_levels(
                prices,
                int(market[5]),
                market[6],
                1.0 / market[0],
                terms[NORMAL] != 0.0,
                series[LEVEL],
            )
        s = simulation_at(address)
        s.counts[SEED], s.counts[PATH] = identities[path, 0], identities[path, 1]
        for m in range(done % sets, sets):
            out = metrics[path, m]
            legs = plans[m, RULES_WIDTH:].reshape((leg_count, LEG_WIDTH))
            if plans[m, BOOKED] != 0.0:
                code = call_book(book, address_of(book_frame), m, first, address_of(used))
            else:
                code = trade_path(
                    series, tables, surface, first, terms, plans[m, :RULES_WIDTH], legs, room,
                    held, margin_terms, margin_room, calls, totals, s.curve, tape, used,
                )  # fmt: skip
            if code == TAPE_FULL:
                return done
            s.counts[STATUS] = 0
            if code == OK:
                write_account(s, totals, terms[CASH])
                summarise(s, out)
                if s.counts[STATUS] != 0 or not np.isfinite(out[0]):
                    code = NOT_FINITE
            if code == OK:
                for group in range(len(groups)):
                    call_measure(groups[group, 0], address, address_of(out) + groups[group, 1])
                if options_at >= 0:
                    write_options(totals, out[0], greeks, out[options_at:])
            else:
                out[:] = np.nan
            status[path, m] = code
            for sample in range(samples.size):
                equity[path, m, sample] = s.curve[samples[sample]]
            if ends.size > 0:
                ends[done] = int(used[0])
            done += 1
    return done
