"""Zarr archives in and out: years of radar images, in the layout of mlcast."""
