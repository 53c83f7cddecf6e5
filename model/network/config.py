"""What a network is, as a frozen value saved with its weights. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Self, get_args

from echocast.model.errors import ModelError

FAMILIES = (
    "mim",
    "mim_star",
    "mim_without_n",
    "mim_without_s",
    "predrnn",
    "predrnn_memory",
    "predrnn_plus",
    "convlstm",
)
CONTROL = "control"  # not recurrent: model/network/convolutional.py
PAPER_ONLY = ("mim_star", "mim_without_n", "mim_without_s", "predrnn_memory")
ANY_WIDTHS = ("predrnn_plus", "convlstm")

TUPLES = (  # arrive from JSON as lists
    "exceedance_thresholds_dbz",
    "hidden_channels",
    "control_widths",
    "grid",
    "trained_pixel_km",
    "trained_step_minutes",
    "trained_lead_minutes",
)

Coordinates = Literal["lagrangian", "eulerian"]
Base = Literal["newest", "damped", "aperiodic"]


@dataclass(frozen=True)
class NetworkConfig:
    """Everything that changes the network's parameters or their meaning.

    Args:
        family: One of ``FAMILIES``, of which ``mim`` is one ST-LSTM below MIM blocks; or
            ``control``, convolutions without a memory.
        equations: ``paper``, the printed equations, or ``reference``, what the public
            implementations compute (no biases, +1 on forget gates, and more for ``mim``).
        layers: Layers below the head, the first one included.
        hidden_channels: Channels C of every state; or one number per layer, where the equations
            allow different ones.
        kernel: Side of the convolution kernels in patches, odd.
        patch: Side of the squares of pixels folded into channels.
        layer_norm: Joint norm over (channel, row, column) of ``reference`` networks.
        grid: (rows, columns) in patches that a ``reference`` MIM or a layer norm is tied to.
        image_channels: Channels of a frame; radar has one.
        residual: The network adds to an extrapolated frame, which it also reads, beside planes for
            validity, lead time, time step and pixel size; else it reads the last frame alone.
        control_widths: Channels of the layers of a control (convolutional.py) beside the recurrent
            layers: the answer is the sum of both heads; empty for none.
        coordinates: ``lagrangian``: frames are aligned along the motion to the reference time,
            forecasts are carried out along it; ``eulerian``: frames as they are.
        base: What the residual is added to: the ``newest`` frame, carried along (extrapolation), or
            scale-damped extrapolation (sprog.py), whose scales fade by processes that are
            ``aperiodic`` or, as in models up to 1.5.0, ``damped``.
        trained_pixel_km: Smallest and largest pixel that training covers; a size outside is shown
            to the network as the nearest inside. None: any.
        trained_step_minutes: The same of the time step.
        trained_lead_minutes: The same of the lead time.
        exceedance_thresholds_dbz: Thresholds of the ordinal probability head; empty for none.
        input_frames: Frames that go in.
        output_frames: Frames that come out.

    Raises:
        ModelError: A value outside its range.
    """

    family: str = "mim"
    equations: str = "paper"
    layers: int = 4
    hidden_channels: int | tuple[int, ...] = 64
    kernel: int = 5
    patch: int = 4
    layer_norm: bool = False
    grid: tuple[int, int] | None = None
    image_channels: int = 1
    residual: bool = False
    control_widths: tuple[int, ...] = ()
    coordinates: Coordinates = "eulerian"
    base: Base = "newest"
    trained_pixel_km: tuple[float, float] | None = None
    trained_step_minutes: tuple[float, float] | None = None
    trained_lead_minutes: tuple[float, float] | None = None
    exceedance_thresholds_dbz: tuple[float, ...] = ()
    input_frames: int = 10
    output_frames: int = 10

    def __post_init__(self) -> None:
        for name in TUPLES:
            value = getattr(self, name)
            object.__setattr__(self, name, tuple(value) if isinstance(value, list) else value)
        self._check_family()
        self._check_sizes()
        self._check_grid()
        thresholds = self.exceedance_thresholds_dbz
        if list(thresholds) != sorted(set(thresholds)):
            raise ModelError(f"Exceedance thresholds must increase, not {thresholds}.")
        if self.coordinates == "lagrangian" and not self.residual:
            raise ModelError("Lagrangian coordinates need the residual on extrapolation.")
        if self.control_widths and (self.coordinates != "lagrangian" or self.family == CONTROL):
            raise ModelError("A control stands beside a recurrent network, in the moving frame.")
        if self.base not in get_args(Base):
            raise ModelError(f"The base is one of {', '.join(get_args(Base))}, not {self.base!r}.")
        if self.base != "newest" and self.coordinates != "lagrangian":
            raise ModelError("A scale-damped base needs Lagrangian coordinates.")

    @property
    def widths(self) -> tuple[int, ...]:
        """Channels of every layer, bottom to top."""
        if isinstance(self.hidden_channels, int):
            return (self.hidden_channels,) * self.layers
        return self.hidden_channels

    def _check_family(self) -> None:
        families = (*FAMILIES, CONTROL)
        if self.family not in families:
            raise ModelError(f"There is no network family {self.family!r}; known are {families}.")
        if self.equations not in ("paper", "reference"):
            raise ModelError(f"Equations are 'paper' or 'reference', not {self.equations!r}.")
        if self.family == CONTROL and (self.equations, self.coordinates) != ("paper", "lagrangian"):
            raise ModelError(
                "The control reads extrapolation in the moving frame, so it needs 'lagrangian'"
                " coordinates, and it has one kind of equations, 'paper'."
            )
        if self.equations == "reference" and self.family in PAPER_ONLY:
            raise ModelError(f"No public implementation of {self.family!r} is known to follow.")

    def _check_sizes(self) -> None:
        if self.layers < 2 or min(self.widths) < 1 or self.patch < 1 or self.image_channels < 1:
            raise ModelError(
                f"A network needs at least 2 layers, 1 channel and patches of 1 pixel, not"
                f" {self.layers}, {min(self.widths)} and {self.patch}."
            )
        if len(self.widths) != self.layers:
            raise ModelError(f"{self.layers} layers need as many widths, not {self.widths}.")
        if len(set(self.widths)) > 1 and self.family not in (*ANY_WIDTHS, CONTROL):
            raise ModelError(
                f"The layers of {self.family!r} share a memory, so they need equal widths,"
                f" not {self.widths}."
            )
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ModelError(f"The kernel must be odd so that it has a centre, not {self.kernel}.")

    def _check_grid(self) -> None:
        if self.layer_norm and self.equations != "reference":
            raise ModelError("The joint layer norm belongs to the reference equations only.")
        tied = self.layer_norm or (self.equations == "reference" and self.family == "mim")
        if tied and self.grid is None:
            raise ModelError(
                "These weights belong to positions, so the configuration must name its grid."
            )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; :meth:`from_json` gives an equal configuration back."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(self).items()}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        """The configuration that :meth:`to_json` described.

        Raises:
            ModelError: A field this version does not know.
        """
        unknown = set(value) - {field.name for field in fields(cls)}
        if unknown:
            raise ModelError(f"The network configuration has unknown fields: {sorted(unknown)}.")
        return cls(**value)


PAPER = NetworkConfig()
RADAR = NetworkConfig(
    kernel=3,
    residual=True,
    control_widths=(32, 32),
    coordinates="lagrangian",
    base="aperiodic",
    trained_pixel_km=(1.0, 2.0),
    trained_step_minutes=(2.0, 15.0),
    trained_lead_minutes=(0.0, 60.0),
    exceedance_thresholds_dbz=(20.0, 30.0, 35.0, 40.0, 45.0, 50.0),
)
RADAR_SMALL = replace(RADAR, hidden_channels=32)
RADAR_CONTROL = replace(RADAR_SMALL, family=CONTROL, layers=2, control_widths=())

PRESETS: Mapping[str, NetworkConfig] = {
    "paper": PAPER,
    "radar": RADAR,
    "radar-small": RADAR_SMALL,
    "radar-control": RADAR_CONTROL,
}
