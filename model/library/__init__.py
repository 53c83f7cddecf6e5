"""``import echocast``: radar files and xarray in, forecasts and scores as xarray out."""
