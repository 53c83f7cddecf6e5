"""What makes each lead time of a forecast, as its file states it: a variable of flags along time.

Source: CF conventions 1.11, section 3.5 (flags).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import netCDF4
import numpy as np

from echocast.model.errors import UnreadableInput
from echocast.model.horizon import LeadSource

LEAD_SOURCE: Final = "lead_source"
FLAGS: Final = tuple(LeadSource)


def write_lead_sources(dataset: netCDF4.Dataset, sources: Sequence[LeadSource]) -> None:
    """Add the variable, where the sources are stated; the dimension ``time`` is there."""
    if not sources:
        return
    variable = dataset.createVariable(LEAD_SOURCE, "i1", ("time",))
    variable.setncatts(
        {
            "long_name": "what makes the lead time",
            "flag_values": np.arange(len(FLAGS), dtype=np.int8),
            "flag_meanings": " ".join(FLAGS),
        }
    )
    variable[:] = np.array([FLAGS.index(source) for source in sources], np.int8)


def read_lead_sources(fields: Mapping[str, Any]) -> tuple[LeadSource, ...]:
    """The sources by the variables of an open file; none of a file that does not state them.

    Raises:
        UnreadableInput: A flag is none that was ever written.
    """
    if LEAD_SOURCE not in fields:
        return ()
    flags = np.asarray(fields[LEAD_SOURCE][...]).tolist()
    if unknown := sorted(set(flags) - set(range(len(FLAGS)))):
        raise UnreadableInput(f"{LEAD_SOURCE} has a flag {unknown[0]} that means nothing.")
    return tuple(FLAGS[flag] for flag in flags)
