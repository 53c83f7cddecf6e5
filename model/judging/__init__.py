"""Judging forecasts over whole events: counts per start time, scores and intervals from them."""
