"""Forecasts against observations: counts that add, scores and intervals made from them."""
