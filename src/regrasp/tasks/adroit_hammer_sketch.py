"""A motion written down by hand for `adroit-hammer`: down to the handle, close, lift to the nail's height, swing."""

import torch
from torch import Tensor

from regrasp.actor import ActionInterface
from regrasp.tasks.adroit_sketch import KNUCKLES, MIDDLES, TIPS, actions, curled, pitch_target, rising

CLOSE = (0.0465, 0.0615)
"""Heights of the palm above the handle at which the hand closes, and at which it certainly does not [m]."""
INSIDE = (0.05, 0.08)
"""Distances from palm to handle at which the hammer is in the hand, and at which it certainly is not [m]."""
CLASPED = (0.736, 1.08)
"""Mean angles of the fingers' joints at which lifting begins, and at which it has begun [rad]."""
LEVEL = (0.022, 0.052)
"""Differences of height to the nail at which the hammer swings, and at which it certainly does not [m]."""
ABOVE = 0.0096
"""How far above the nail the handle is held [m]."""
WRIST = (0.47, -0.04, -0.325)
"""The wrist's bend `WRJ0` on the way to the handle, while lifting, and while swinging [rad]."""

_COLUMNS = ((0, 26), (33, 36), (36, 39), (42, 45))


def motion(interface: ActionInterface, observation: Tensor) -> Tensor:
    """Policy observations (B, 46) → actions (B, 26) in [-1, 1]."""
    joints, palm, hammer, nail = (observation[:, first:last] for first, last in _COLUMNS)
    offset, curl = hammer - palm, curled(interface, joints)
    height = (-offset[:, 2]).clamp(min=0.0)
    inside = 1.0 - rising(torch.linalg.vector_norm(offset, dim=1), *INSIDE)
    closing = torch.maximum(1.0 - rising(height, *CLOSE), rising(curl, 0.15, 0.35) * inside)
    clasped = rising(curl, *CLASPED) * inside
    rise = nail[:, 2] - hammer[:, 2] + ABOVE
    swinging = clasped * (1.0 - rising(rise.abs(), *LEVEL))
    lifting = clasped - swinging

    targets: dict[str, Tensor | float] = {}
    for names, curled_to in ((KNUCKLES, 0.93), (MIDDLES, 1.438), (TIPS, 1.248)):
        targets |= dict.fromkeys(names, curled_to * closing)
    down = torch.lerp(-1.25 * (offset[:, 2] + 0.005), -0.84 * rise, clasped)
    targets |= {"ARRx": pitch_target(joints[:, 0], down), "ARRy": -0.276 * swinging}
    targets |= {"WRJ1": -0.083 * lifting - 0.505 * swinging}
    targets |= {"WRJ0": WRIST[0] * (1.0 - clasped) + WRIST[1] * lifting + WRIST[2] * swinging}
    targets |= {"THJ4": 0.185, "THJ3": 0.495 * (1.0 - rising(height, 0.05, 0.08)) + 0.725 * closing}
    targets |= {"THJ2": -0.054, "THJ1": 0.149, "THJ0": -0.345 * closing}
    return actions(interface, targets, len(observation))
