"""Continuation: lead times after the network's, made of its last one.

That one goes on along the motion like all others, and each scale of it fades towards its mean, as
fast as the same scale of the observed frames proves forgotten (:mod:`.extrapolation.sprog`): the
reflectivity, and each exceedance probability, which so tends to the share of the view that it
expects to be exceeded. Nothing is fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.extrapolation.sprog import faded
from echocast.model.inference.prediction import Prediction
from echocast.model.inference.preprocessing import Prepared


def predicted_parts(
    prepared: Prepared, prediction: Prediction, count: int, together: int
) -> Iterator[Prediction]:
    """A prediction, and what follows its last lead time, in parts.

    Args:
        prepared: What it was made from.
        prediction: Of the network; what is yielded of it are views, whose values may change.
        count: Lead times of all parts.
        together: Of one part, at most.
    """
    made = len(prediction.frames_dbz)
    last = _leads(prediction, slice(made - 1, made), np.copy) if count > made else None
    for first in range(0, count, together):
        until = min(first + together, count)
        part = _leads(prediction, slice(first, until))
        if last is not None and until > made:
            after = range(max(first, made) - made + 1, until - made + 1)
            part = _continued(prepared, part, last, after)
        yield part
        del part


def _continued(prepared: Prepared, part: Prediction, last: Prediction, after: range) -> Prediction:
    """A part with lead times so many steps after the last one of the network behind it."""
    count = len(part.frames_dbz)
    frames, probability = (
        np.empty((count + len(after), *field.shape[1:]), field.dtype) for field in last
    )
    frames[:count], probability[:count] = part
    valid = np.isfinite(prepared.newest_dbz)
    for index, steps in enumerate(after, start=count):
        _fade(prepared, valid, last, steps, Prediction(frames[index], probability[index]))
    return Prediction(frames, probability)


def _fade(
    prepared: Prepared,
    valid: NDArray[np.bool_],
    last: Prediction,
    steps: int,
    later: Prediction,
) -> None:
    """Fill in one lead time; probabilities fall with the threshold as before."""
    memories, most = prepared.memories, np.ones(valid.shape, np.float32)
    frame = faded(last.frames_dbz[0], memories, steps, valid)
    np.clip(frame, 0, None, out=later.frames_dbz)
    chances = zip(last.exceedance_probability[0], later.exceedance_probability, strict=True)
    for chance, plane in chances:
        np.minimum(faded(chance.astype(np.float32), memories, steps, valid), most, out=most)
        plane[:] = np.clip(most, 0, None)


def _leads(
    prediction: Prediction, which: slice, form: Callable[[Any], Any] = lambda view: view
) -> Prediction:
    """Some lead times, as views or in another form."""
    frames, probability = prediction
    return Prediction(form(frames[which]), form(probability[which]))
