"""For users of pysteps, which is no dependency.

Attributes:
    forecast: A nowcast in the form of its methods: :mod:`echocast.model.library.pysteps.nowcasts`.
    import_echocast: An importer of every format that we read; pysteps finds it by itself.
    to_dataset: Radar or a forecast as a Dataset of pysteps 2.0.
    from_dataset: A Dataset of pysteps 2.0 as radar.
"""

from echocast.model.library.pysteps.datasets import from_dataset, to_dataset
from echocast.model.library.pysteps.importer import import_echocast
from echocast.model.library.pysteps.nowcasts import forecast

__all__ = ["forecast", "from_dataset", "import_echocast", "to_dataset"]
