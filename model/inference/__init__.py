"""From frames to a forecast: preprocessing, tiles of large grids, postprocessing."""
