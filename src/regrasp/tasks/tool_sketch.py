"""A motion for `tool-pickup` written down by hand: over the handle, close while rising, lift, turn the forearm.

It has no clock. What is done follows from what is observed, so that a hand that has lost the tool opens, turns back and
begins anew; and stages blend into each other, so that a network can imitate it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from regrasp.tasks.tool_scene import INTERFACE, POLICY_FIELDS, REST

FINGERS = ("FF", "MF", "RF", "LF")
OPEN = {"ARRx": 0.53, "WRJ0": -0.3, "THJ4": 0.68, "THJ3": 1.145}
OPEN |= {f"{finger}J{joint}": bent for finger in FINGERS for joint, bent in ((2, 0.154), (1, 0.48), (0, 0.35))}
CLOSED = OPEN | {"WRJ0": -0.245, "THJ4": 0.985, "THJ3": 1.3, "THJ2": 0.16, "THJ1": 0.016, "THJ0": -0.31}
CLOSED |= {f"{finger}J{joint}": bent for finger in FINGERS for joint, bent in ((2, 1.006), (1, 1.208), (0, 1.234))}
TURNED = CLOSED | {"ARRx": 0.016, "WRJ0": -0.37, "ARRz": 1.55, "WRJ1": 0.17}
"""Joint targets, but for slides and yaw, of a hand open over the handle, closed around it, and holding the tool up."""
BEFORE, WITHIN = (0.027, 0.074), (0.01, 0.013)
"""From the palm to the handle's middle, to the right and ahead, with the hand over it and around it [m]."""
LIMP, FIRM = 0.35, 1.0
"""Mean bend of the fingers' joints in an open hand, and in one around a handle [rad]."""
HOVER, DOWN = 0.1, -0.015
"""Heights of the palm over the table [m] while it looks for the handle, and to press on it."""
RISEN, LIFTED = 0.08, 0.25
"""Where the arm's upward slide is when the fingers have closed, and in the end [m]; it starts closing at `DROPPED`."""
DROPPED = -0.025
UPRIGHT = 1.55
"""Roll of the forearm that brings a lying handle upright [rad]."""
HOME = 0.02
"""Where the arm's sideways slide goes with a lifted tool [m]; the forward one goes to 0."""
LEADS = (0.25, 0.25, 0.05)
"""How far targets are ahead of where fingers [share of closing], roll [rad] and lift [m] are: how fast they move."""
_NAMES = INTERFACE.fields.names
_BENT = [_NAMES.index(f"{finger}J{joint}") for finger in FINGERS for joint in (2, 1, 0)]


def posture(targets: Mapping[str, float]) -> Tensor:
    """(30,) joint targets: those at rest, but for `targets`."""
    return torch.tensor([targets.get(name, REST.get(name, 0.0)) for name in _NAMES], dtype=torch.float64)


def action(targets: Tensor) -> Tensor:
    """Joint targets (…, 30) → actions (…, 30) in [-1, 1]."""
    low, high = targets.new_tensor(INTERFACE.low), targets.new_tensor(INTERFACE.high)
    return ((2.0 * targets - low - high) / (high - low)).clamp(-1.0, 1.0)


@dataclass(frozen=True)
class Seen:
    """What the motion goes by, of B worlds.

    Attributes:
        slides: (B, 3) of the arm, left, up and forward [m].
        yaw, roll: (B,) of the forearm [rad].
        bent: (B,) 0 for open fingers, 1 around a handle, at most 1.1.
        gap: (B, 3) from palm to handle [m].
        palm: (B,) height of the palm [m].
        across: (B,) yaw of the handle from lying across the hand [rad], nothing for one that stands.
        missed: (B, 2) from where the handle should be, seen from the palm, to where it is [m].
    """

    slides: Tensor
    yaw: Tensor
    roll: Tensor
    bent: Tensor
    gap: Tensor
    palm: Tensor
    across: Tensor
    missed: Tensor


def sketch(observation: Tensor) -> Tensor:
    """Policy observations (B, 81) → actions (B, 30) float64 in [-1, 1]."""
    seen = _see(observation)
    astray = torch.linalg.vector_norm(seen.missed, dim=1)
    level = _below(seen.roll, 0.465, 0.0465)
    room = 0.03 * seen.bent
    over = _below(astray - room, 0.022, 0.01) * level
    ready = _below(astray - room, 0.03, 0.012) * _above(seen.gap[:, 2] + 0.02 * seen.bent, -0.012, 0.008) * level
    in_hand = _below(torch.linalg.vector_norm(seen.gap, dim=1), 0.07, 0.004)
    around = 1.0 - (1.0 - ready) * (1.0 - in_hand)
    lifted = around * _above(seen.palm, 0.1, 0.015)
    turning = around * _above(seen.slides[:, 1], 0.15, 0.03)
    targets = _shape(seen, around, turning)
    targets[:, 4] = torch.lerp(0.77 * seen.across, seen.yaw * (1.0 - lifted), around)
    # The forearm is pitched: a yaw of the hand tilts it, unless it rolls a little.
    targets[:, 5] = (seen.roll + LEADS[1]).clamp(max=UPRIGHT) * turning - 0.52 * seen.yaw * (1.0 - turning)
    targets[:, 0] = torch.lerp(seen.slides[:, 0] - 1.15 * seen.missed[:, 0], torch.full_like(lifted, HOME), lifted)
    targets[:, 2] = (seen.slides[:, 2] + 1.15 * seen.missed[:, 1]) * (1.0 - lifted)
    targets[:, 1] = _height(seen, over, around)
    return action(targets)


def _see(observation: Tensor) -> Seen:
    # In float64, so that how many worlds are computed together does not show.
    columns = {name: observation[:, POLICY_FIELDS[name]].to(torch.float64) for name in POLICY_FIELDS.names}
    joints = torch.cat([columns["arm_slides"], columns["arm_and_hand"]], dim=1)
    bent = ((joints[:, _BENT].mean(1) - LIMP) / (FIRM - LIMP)).clamp(0.0, 1.1)
    gap, yaw = columns["palm_to_object"], joints[:, 4]
    wanted = torch.lerp(gap.new_tensor(BEFORE), gap.new_tensor(WITHIN), bent.clamp(max=1.0)[:, None])
    return Seen(
        slides=columns["arm_slides"],
        yaw=yaw,
        roll=joints[:, 5],
        bent=bent,
        gap=gap,
        palm=columns["palm_position"][:, 2],
        across=_across(columns["object_rotation"]),
        missed=gap[:, :2] - _turned(wanted, 1.12 * yaw),
    )


def _shape(seen: Seen, around: Tensor, turning: Tensor) -> Tensor:
    """(B, 30) joint targets of a hand that closes and turns, each a little ahead of where it is."""
    closed = around * (seen.bent + LEADS[0]).clamp(max=1.0)
    turned = turning * ((seen.roll.clamp(0.0, UPRIGHT) + LEADS[1]) / UPRIGHT).clamp(max=1.0)
    targets = torch.lerp(posture(OPEN), posture(CLOSED), closed[:, None])
    return torch.lerp(targets, posture(TURNED), turned[:, None])


def _height(seen: Seen, over: Tensor, around: Tensor) -> Tensor:
    """(B,) target of the upward slide: down onto the handle, up as fingers close, all the way once they have."""
    slide = seen.slides[:, 1]
    hover = HOVER + 0.1 * (seen.roll / UPRIGHT).clamp(0.0, 1.0)
    reaching = slide + torch.lerp(hover, torch.full_like(hover, DOWN), over) - seen.palm
    firm = around * _above(seen.bent, 0.93, 0.05)
    closing = DROPPED + (RISEN - DROPPED) * seen.bent
    rising = torch.lerp(closing, (slide + LEADS[2]).clamp(max=LIFTED), firm)
    return torch.lerp(reaching, rising, around)


def _across(rotation: Tensor) -> Tensor:
    axis = torch.linalg.cross(rotation[:, :3], rotation[:, 3:])
    lying = torch.linalg.vector_norm(axis[:, :2], dim=1).clamp(max=1.0)
    # A handle has the same yaw whichever way its head points.
    double = torch.atan2(2.0 * axis[:, 0] * axis[:, 1], axis[:, 0].square() - axis[:, 1].square())
    return torch.mul((0.5 * double).clamp(-0.4, 0.4), lying)


def _turned(vector: Tensor, angle: Tensor) -> Tensor:
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([cos * vector[:, 0] - sin * vector[:, 1], sin * vector[:, 0] + cos * vector[:, 1]], dim=1)


def _above(value: Tensor, threshold: float, width: float) -> Tensor:
    """(B,) from 0 to 1 where a value passes a threshold, most of it within two widths."""
    return torch.sigmoid((value - threshold) / width)


def _below(value: Tensor, threshold: float, width: float) -> Tensor:
    return torch.sigmoid((threshold - value) / width)
