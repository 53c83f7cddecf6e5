"""What any HDF5 file must be before the library opens it."""
