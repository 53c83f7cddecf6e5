"""Folders of windows of two synthetic events, for comparisons to train and to judge on."""

from pathlib import Path

import numpy as np

from echocast.model.synthetic.storms import storm
from echocast.model.training.windows import WindowInfo, WindowStore, clean, extract_crops


def stored(folder: Path) -> Path:
    rng, windows = np.random.default_rng(1), []
    for event in ("first", "second"):
        frames = clean(storm(len(event), height=96, width=96).reflectivity_dbz)
        info = WindowInfo(event, 5.0, 1.0, 10, 10)
        windows += [(counts, info) for counts in extract_crops(frames, 10, 2, 72, rng)]
    short = (windows[0][0][:16], WindowInfo("short", 5.0, 1.0, 6, 5))
    WindowStore.save(folder / "train", [*windows, short])
    WindowStore.save(folder / "judge", windows)
    return folder
