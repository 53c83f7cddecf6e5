"""ODIM_H5 composites in."""
