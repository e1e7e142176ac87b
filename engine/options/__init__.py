"""Options on a path: legs and rules as data, volatility, positions that are marked on every bar."""
