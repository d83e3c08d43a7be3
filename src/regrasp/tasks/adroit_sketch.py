"""What the Adroit tasks' sketches share: motions written down by hand as functions of the observation alone.

A sketch knows no time and no velocity, so a network can imitate it, and what slipped is simply grasped again. Its
numbers were tuned by hand and by a small cross-entropy search over simulated attempts.
"""

import torch
from torch import Tensor

from regrasp.actor import ActionInterface

ARM_GAIN, ARM_STIFFNESS = 500.0, 200.0
"""An arm joint is driven by gain · target - stiffness · q [N or N m]."""
PITCH_LOAD = 15.6
"""Torque that holds the level arm up at its pitch joint `ARRx` [N m]."""
PITCH_REACH = 0.5
"""From the pitch joint to the palm [m]."""
KNUCKLES, MIDDLES, TIPS = (tuple(f"{finger}FJ{joint}" for finger in "FMRL") for joint in (2, 1, 0))
FINGERS = KNUCKLES + MIDDLES + TIPS
"""The twelve joints that curl four fingers, 0 when straight."""


def rising(value: Tensor, low: float, high: float) -> Tensor:
    """(B,) 0 below `low`, 1 above `high`, linear in between."""
    return ((value - low) / (high - low)).clamp(0.0, 1.0)


def curled(interface: ActionInterface, joints: Tensor) -> Tensor:
    """(B,) mean angle of the fingers' joints [rad]; `joints` (B, A) stand in the order of the actions."""
    return joints[:, [interface.fields[name].start for name in FINGERS]].mean(1)


def pitch_target(pitch: Tensor, down: Tensor) -> Tensor:
    """(B,) target of `ARRx`, now at `pitch`, that lowers the palm by `down` [m] (B,)."""
    return (ARM_STIFFNESS * (pitch + down / PITCH_REACH) - PITCH_LOAD) / ARM_GAIN


def slide_target(place: Tensor, force: Tensor) -> Tensor:
    """(B,) target of an arm slide at `place` (B,) [m] on which a force (B,) [N] is to act beside its own damping."""
    return (ARM_STIFFNESS * place + force) / ARM_GAIN


def actions(interface: ActionInterface, targets: dict[str, Tensor | float], count: int) -> Tensor:
    """(B, A) float32 actions that ask for these actuator targets [rad, m], and zero at every joint not named."""
    low, high = torch.tensor(interface.low), torch.tensor(interface.high)
    wanted = torch.zeros(count, len(low))
    for name, target in targets.items():
        wanted[:, interface.fields[name].start] = target
    return ((2.0 * wanted - low - high) / (high - low)).clamp(-1.0, 1.0)
