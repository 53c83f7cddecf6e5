"""Forecasts against observations: counts that add, scores and intervals made from them.

``counts`` and ``contingency`` are what is counted, and its formulas (CSI is in ``contingency``).
Who counts what: ``frame_counts`` one forecast at one frame of a stream, ``forecast_scores`` one
forecast at all its observations, ``event_scores`` all forecasts of an event, ``evaluation`` a model
on such events. ``frame_statistics`` and ``storms`` describe an observed frame alone.
"""
