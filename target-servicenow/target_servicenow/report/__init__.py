"""One page about a run, for people who look at no log."""
