"""Performance, risk, Monte Carlo error and overfitting: plain functions on arrays."""
