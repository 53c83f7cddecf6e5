"""Windows of two synthetic storms, of two lengths, to train small networks on."""

from pathlib import Path

import numpy as np

from echocast.model.synthetic.storms import storm
from echocast.model.training.windows import WindowInfo, WindowStore, clean, extract_crops


def stored(folder: Path) -> WindowStore:
    rng = np.random.default_rng(1)
    windows = []
    for seed, inputs, outputs in ((1, 6, 6), (2, 5, 3)):
        frames = clean(storm(seed, frames=inputs + outputs, height=96, width=96).reflectivity_dbz)
        info = WindowInfo(f"storm{seed}", 6.0, 1.0, inputs, outputs)
        windows += [(counts, info) for counts in extract_crops(frames, inputs, 4, 32, rng)]
    return WindowStore.save(folder, windows)
