"""Radar files in, forecast files out: NetCDF, ODIM_H5 and JSON. No file is trusted.

In: ``readers`` is the entry, with a reader for each format. Out: ``forecast_writer``; its files are
read back by ``forecast_reader`` and ``forecast_lead``. ``stream_frame`` is a stored frame of a
stream.
"""
