"""Statistics on plain arrays: performance, risk, their errors, comparison, selection, overfitting.

Outcomes of many parameter sets are taken at once, as a matrix of shape (sets, paths) or in rows
with a `layout.Layout`, which says of which set and which independent unit each is. A function of
outcomes returns a `linearised.Linearised`: ``.estimates(confidence)`` gives the table (estimate,
standard error, interval, n, method), `comparison.compare` differences between sets, and
`selection.select` the best of them.

The rule of undefined values
----------------------------
One rule holds for every statistic, so that no path is dropped for how it came out.

1. *An idle path is an outcome.* A path on which no position was ever held earned nothing: its P&L,
   returns, drawdown, trades and costs are 0, it counts in n and in every comparison. Its share
   stands beside every ratio (``Estimate.idle``).
2. *Ratios are pooled.* The ratio of a set is a ratio of sums over all of its paths. A ratio whose
   denominator is 0 over all of them (no loss, no variance, no trade) is undefined: NaN, with the
   method ``undefined``. Ratios of single paths are shown by their quantiles alone; there an idle
   path has ratio 0.
3. *Ruin is an outcome.* The bar that takes the last of the equity counts with its return, the bars
   after it with 0; the growth rate is -1.
4. *A failed simulation is missing*, not an outcome: it is left out of its set, and in comparisons
   its path is one that the other side has for itself.
5. *No number claims a precision that was not seen.* One path has no Monte Carlo error (``one
   history``); outcomes that are all equal have no known one (``no variance seen``), but shares and
   counts of none or all have the rule of three; fewer than five paths that carry a number leave
   its error unknown (``too few``); where no interval covers as stated there is none (``no
   interval``). The value stands, error and interval are NaN, never 0.
6. *No interval holds what cannot be.* That of a drawdown ends at 0, that of an exposure at 0 and 1
   (`engine.results.metric_bounds`): what is cut off is impossible, so coverage stays as it is.

Where to look
-------------
=================================  ==========================================================
`estimates`, `layout`              what a result is; which set and unit an outcome is of
`linearised`                       influences, and the intervals that follow from them
`skewness_correction`              their widening where outcomes are skewed
`distributions`                    normal, Student's, gamma and binomial laws; `incomplete_beta`
`moments`, `quantiles`, `shares`   means, spreads; quantiles, tail means; shares, counts
`order_statistics`, `ranked`       ranks of outcomes, which quantiles and their errors follow from
`shape`                            skewness and kurtosis
`ratios`, `pooled`, `path_sums`    pooled ratios, and the per-path sums they need
`tail_risk`, `drawdown`            value at risk and shortfall by method; drawdowns of curves
`summaries`                        moments and products that merge over parts
`lockstep`, `rank_search`          the same statistics of parts, of which one is held at a time
`batches`                          many paths as few numbers, for choices among sets
`rare_events`                      probabilities that plain simulation hardly ever meets
`comparison`, `multiplicity`       differences, paired where possible; Holm, false discoveries
`selection`, `winner`              the best, the subset that holds it; what the winner is worth
`ranking`, `budget_allocation`     Kim-Nelson and OCBA: who gets more paths
`sequential`                       when an interval is narrow enough to stop
`sequential_selection`             which sets run on, until the best is selected
`sharpe_inference`, `trials`       PSR, DSR, shortest records; effective number of trials
`haircuts`, `overfitting`          haircuts; probability of backtest overfitting
`search_cost`                      all of these of one search
`superior`                         Reality Check, SPA, StepM, model confidence set
`nested`, `error_budget`           variance between draws; Monte Carlo, history, parameters
`variance_reduction`               control variates, antithetic pairs: the variance saved
`autocorrelation`                  the Sharpe ratio of one history, with its error
`performance`, `risk`              one simulation: the definitions
`trade_performance`, `rounding`    its closed trades; what of its movement is rounding
=================================  ==========================================================

Coverage of the intervals is measured by ``python -m benchmarks.validity``.
"""
