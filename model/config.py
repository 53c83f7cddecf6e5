"""What a network is, as a frozen value saved inside its checkpoint. Torch-free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Self

from model.errors import ModelError

Coordinates = Literal["lagrangian", "eulerian"]


@dataclass(frozen=True)
class NetworkConfig:
    """Everything that changes the network's parameters or their meaning.

    Args:
        family: Network family; ``mim`` is one ST-LSTM below ``layers - 1`` MIM blocks.
        equations: ``paper``, the printed equations.
        layers: Recurrent layers, the ST-LSTM included.
        hidden_channels: Channels C of every state.
        kernel: Side of the convolution kernels in patches, odd.
        patch: Side of the squares of pixels folded into channels.
        residual: The network adds to an extrapolated frame, which it also sees, beside planes for
            validity, lead time, time step and pixel size; else it sees the last frame alone.
        coordinates: ``lagrangian``: frames are aligned along the motion to the reference time,
            forecasts are carried out along it; ``eulerian``: frames as they are.
        exceedance_thresholds_dbz: Thresholds of the ordinal probability head; empty for none.
        input_frames: Frames that go in.
        output_frames: Frames that come out.

    Raises:
        ModelError: A value outside its range.
    """

    family: str = "mim"
    equations: str = "paper"
    layers: int = 4
    hidden_channels: int = 64
    kernel: int = 5
    patch: int = 4
    residual: bool = False
    coordinates: Coordinates = "eulerian"
    exceedance_thresholds_dbz: tuple[float, ...] = ()
    input_frames: int = 10
    output_frames: int = 10

    def __post_init__(self) -> None:
        thresholds = tuple(float(value) for value in self.exceedance_thresholds_dbz)
        object.__setattr__(self, "exceedance_thresholds_dbz", thresholds)
        if self.family != "mim" or self.equations != "paper":
            raise ModelError(
                f"This version knows the family 'mim' with the equations 'paper',"
                f" not {self.family!r} with {self.equations!r}."
            )
        if self.layers < 2 or self.hidden_channels < 1 or self.patch < 1:
            raise ModelError(
                f"A MIM network needs at least 2 layers, 1 channel and patches of 1 pixel, not"
                f" {self.layers}, {self.hidden_channels} and {self.patch}."
            )
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise ModelError(f"The kernel must be odd so that it has a centre, not {self.kernel}.")
        if list(thresholds) != sorted(set(thresholds)):
            raise ModelError(f"Exceedance thresholds must increase, not {thresholds}.")
        if self.coordinates == "lagrangian" and not self.residual:
            raise ModelError("Lagrangian coordinates need the residual on extrapolation.")

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
        known = dict(value)
        known["exceedance_thresholds_dbz"] = tuple(known.get("exceedance_thresholds_dbz", ()))
        return cls(**known)


PAPER = NetworkConfig()
RADAR = NetworkConfig(
    kernel=3,
    residual=True,
    coordinates="lagrangian",
    exceedance_thresholds_dbz=(20.0, 30.0, 35.0, 40.0, 45.0, 50.0),
)
RADAR_SMALL = replace(RADAR, hidden_channels=32)

PRESETS: Mapping[str, NetworkConfig] = {
    "paper": PAPER,
    "radar": RADAR,
    "radar-small": RADAR_SMALL,
}
