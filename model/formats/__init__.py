"""Radar files in, forecast files out: NetCDF, ODIM_H5 and JSON. Reads without trust."""
