"""Motion of the rain, and forecasts that only carry it: extrapolation and S-PROG."""
