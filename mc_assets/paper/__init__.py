"""Paper trading in a project: the broker's account over HTTP, and sessions of its studies."""
