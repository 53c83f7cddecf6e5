"""Synthetic storms, for demos, tests and the first steps of training."""
