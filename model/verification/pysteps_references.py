"""pysteps beside the model, where it is installed: never a dependency.

Every method gets what its own documentation asks for, with its own defaults where nothing is said
here: dBZ (extrapolation, S-PROG, STEPS) or rain rates (ANVIL, LINDA), Lucas-Kanade motion of the
three newest frames. Missing pixels are given as dry, because pysteps needs values everywhere; where
its extrapolation has no value, none of its methods has one here.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from echocast.model.errors import EchocastError
from echocast.model.frames import Frames, median_step
from echocast.model.grid import DEFAULT_PIXEL_KM, FloatArray
from echocast.model.reflectivity import ZR
from echocast.model.verification.baselines import MethodFields, Reference
from echocast.model.verification.counts import (
    PYSTEPS_ANVIL,
    PYSTEPS_LINDA,
    PYSTEPS_LK,
    PYSTEPS_SPROG,
    PYSTEPS_STEPS,
    THRESHOLDS_DBZ,
)

DRY_DBZ = 10.0  # no rain below
ZERO_DBZ = 5.0  # what STEPS gets there: a little below, as its documentation does it
CASCADE_LEVELS = 6
MEMBERS = 24
SEED = 1  # of the ensemble's noise
NEEDED = {"linda": ("skimage", "scikit-image")}  # besides pysteps: module, package


class Peer(StrEnum):
    """A method of pysteps."""

    LK = "lk"
    SPROG = "sprog"
    ANVIL = "anvil"
    LINDA = "linda"
    STEPS = "steps"


QUICK = (Peer.LK, Peer.SPROG)  # seconds a forecast; the others take up to some minutes
NONE = "none"


@dataclass(frozen=True, eq=False)
class _Case:
    """One forecast: its inputs, and for how many steps."""

    observed: Frames
    steps: int

    @cached_property
    def dbz(self) -> FloatArray:
        """(time, height, width), dry and missing as 0 dBZ."""
        return np.clip(np.nan_to_num(self.observed.reflectivity_dbz), 0, None)

    @cached_property
    def zr(self) -> ZR:
        return ZR.of_attributes(self.observed.attributes)

    @cached_property
    def rates(self) -> NDArray[np.float64]:
        """The same in mm/h, dry as 0."""
        return self.zr.rain_rate_mm_h(self.dbz, no_rain_dbz=DRY_DBZ).astype(np.float64)

    @cached_property
    def velocity(self) -> Any:
        from pysteps import motion

        return motion.get_method("LK")(self.dbz[-3:])

    @cached_property
    def moved(self) -> NDArray[np.float64]:
        """The newest frame, carried along; NaN where that comes from outside."""
        moved: NDArray[np.float64] = _method("extrapolation")(
            self.dbz[-1], self.velocity, self.steps
        )
        return moved

    def known(self, values: NDArray[np.floating[Any]]) -> FloatArray:
        """A forecast, missing exactly where extrapolation has no value."""
        filled = np.where(np.isnan(self.moved), np.nan, np.nan_to_num(values))
        return filled.astype(np.float32)

    def in_dbz(self, rates: NDArray[np.float64]) -> FloatArray:
        """Rates in mm/h as reflectivity, missing as above."""
        positive = np.clip(np.nan_to_num(rates), 0, None)
        return self.known(self.zr.reflectivity_dbz(positive, no_rain_dbz=0.0, where="pysteps"))


def _method(name: str) -> Callable[..., Any]:
    from pysteps import nowcasts

    method: Callable[..., Any] = nowcasts.get_method(name)
    return method


def _lk(case: _Case) -> MethodFields:
    return MethodFields({PYSTEPS_LK: case.moved.astype(np.float32)})


def _sprog(case: _Case) -> MethodFields:
    smooth = _method("sprog")(
        case.dbz[-3:],
        case.velocity,
        case.steps,
        precip_thr=DRY_DBZ,
        n_cascade_levels=CASCADE_LEVELS,
        probmatching_method="cdf",
    )
    return MethodFields({PYSTEPS_SPROG: case.known(smooth)})


def _anvil(case: _Case) -> MethodFields:
    rates = _method("anvil")(
        case.rates[-4:], case.velocity, case.steps, n_cascade_levels=CASCADE_LEVELS
    )
    return MethodFields({PYSTEPS_ANVIL: case.in_dbz(rates)})


def _linda(case: _Case) -> MethodFields:
    rates = _method("linda")(case.rates[-3:], case.velocity, case.steps, add_perturbations=False)
    return MethodFields({PYSTEPS_LINDA: case.in_dbz(rates)})


def _steps(case: _Case) -> MethodFields:
    """Shares of an ensemble; members that have no value at a pixel do not count there."""
    shares: list[FloatArray] = []
    _method("steps")(
        np.where(case.dbz[-3:] < DRY_DBZ, ZERO_DBZ, case.dbz[-3:]),
        case.velocity,
        case.steps,
        n_ens_members=MEMBERS,
        n_cascade_levels=CASCADE_LEVELS,
        precip_thr=DRY_DBZ,
        kmperpixel=case.observed.grid.pixel_size_km or DEFAULT_PIXEL_KM,
        timestep=median_step(case.observed.times).total_seconds() / 60,
        seed=SEED,
        callback=lambda members: shares.append(_exceeded(members)),
        return_output=False,
    )
    probability = np.stack(shares, 1)
    return MethodFields({}, {PYSTEPS_STEPS: np.where(np.isnan(case.moved), np.nan, probability)})


def _exceeded(members: NDArray[np.float64]) -> FloatArray:
    """(threshold, height, width): share of members (member, height, width) that reach it."""
    known = np.isfinite(members).sum(0)
    reached = [(np.nan_to_num(members) >= threshold).sum(0) for threshold in THRESHOLDS_DBZ]
    shares: FloatArray = (np.stack(reached) / np.maximum(known, 1)).astype(np.float32)
    return shares


METHODS: dict[Peer, Callable[[_Case], MethodFields]] = {
    Peer.LK: _lk,
    Peer.SPROG: _sprog,
    Peer.ANVIL: _anvil,
    Peer.LINDA: _linda,
    Peer.STEPS: _steps,
}


def installed() -> bool:
    """Whether pysteps is."""
    return importlib.util.find_spec("pysteps") is not None


def version() -> str:
    """That of pysteps, as far as it says one."""
    try:
        return importlib.metadata.version("pysteps")
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"


def chosen(names: Sequence[str] | None) -> tuple[Peer, ...]:
    """The methods that somebody asks for by name, each once.

    Args:
        names: ``none`` for none; None: the quick ones, where pysteps is installed.

    Raises:
        EchocastError: There is no such method.
    """
    if names is None:
        return QUICK if installed() else ()
    for name in names:
        if name not in (NONE, *Peer):
            known = ", ".join((*Peer, NONE))
            raise EchocastError(f"References are {known}, not {name!r}.")
    return tuple(dict.fromkeys(Peer(name) for name in names if name != NONE))


def reference(peers: Sequence[Peer]) -> Reference:
    """Methods of pysteps as one reference, so that the motion is found once.

    Raises:
        EchocastError: pysteps is not installed, or what a method of it needs is not.
    """
    if not installed():
        names = ", ".join(peers)
        raise EchocastError(f"Of the references, {names} needs the package pysteps, not installed.")
    for peer, (module, package) in NEEDED.items():
        if peer in peers and importlib.util.find_spec(module) is None:
            raise EchocastError(f"The reference {peer} needs the package {package}, too.")

    def of_inputs(observed: Frames, steps: int) -> MethodFields:
        case, whole = _Case(observed, steps), MethodFields({})
        with contextlib.redirect_stdout(io.StringIO()):
            for peer in peers:
                whole |= METHODS[Peer(peer)](case)
        return whole

    return of_inputs
