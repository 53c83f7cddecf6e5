"""Whole files on a local disk or in an object store: frames, forecasts, observations."""
