"""From frames to a forecast: preprocessing, tiles of large grids, postprocessing.

``winograd`` computes the same steps of the network faster.
"""
