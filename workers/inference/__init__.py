"""The network in a worker: batches, launches, loaded models and the serving champion."""
