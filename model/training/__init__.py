"""Training of a network: windows, loss, one step, the run and its log."""
