"""The science of Echocast: frames, networks, extrapolation, verification, training.

Knows no web, no queue and no environment variable. Import the module you need; this package
file imports nothing, so that torch-free modules stay torch-free.
"""
