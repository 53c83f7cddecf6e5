"""CF NetCDF in."""
