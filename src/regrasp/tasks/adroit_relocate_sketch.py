"""A motion written down by hand for `adroit-relocate`: over the ball, down, close, and carry it to the target."""

import torch
from torch import Tensor

from regrasp.actor import ActionInterface
from regrasp.tasks.adroit_sketch import (
    FINGERS,
    actions,
    curled,
    pitch_target,
    rising,
    slide_target,
)

GRASP = (-0.009, 0.02)
"""Where the ball should lie beside the palm's middle, x and y, before the fingers close [m]."""
HOVER = 0.057
"""How far above its grasping height the hand stays until it is over the ball [m]."""
OVER = (0.028, 0.088)
"""Distances in the plane at which the hand is over the ball, and at which it certainly is not [m]."""
CLOSE = (0.035, 0.065)
"""Distances from the place for grasping at which the hand closes, and at which it certainly does not [m]."""
INSIDE = (0.054, 0.074)
"""Distances from that place at which the ball is in the hand, and at which it certainly is not [m]."""
CLASPED = (0.857, 1.027)
"""Mean angles of the fingers' joints at which carrying begins, and at which it has begun [rad]."""
SPEED_UP, BRAKE = (62.5, 0.415), (-10.8, 0.753)
"""Force per distance to the ball's place [N/m], and the share of the way at which it begins to fall, or has fallen."""
AHEAD, BEHIND, CARRYING = 200.0, 76.0, 95.0
"""Springs [N/m]: back from beyond the ball's place, back to the start, and from the ball to the target."""
HELD = (-0.03, -0.01)
"""Heights of the ball beside the palm's middle below which it is not carried, and above which it is [m]."""
LEAD = torch.tensor([0.2, 0.2, 0.1])
"""How far at most the hand is drawn ahead of the ball while it carries it, x, y and z [m]."""


def dash(place: Tensor, goal: Tensor) -> Tensor:
    """(B,) force [N] on a slide at `place` that started at 0 and shall come to rest at `goal` (B,) [m].

    It grows with the goal's distance and depends on the share of the way besides, so that every way takes 0.7 s: the
    slides have damping, but too little for a spring. Linear in pieces, it is what a small network can imitate.
    """
    goal = torch.where(goal.abs() < 1e-5, 1e-5, goal)
    way = place / goal
    slowing = (way - SPEED_UP[1]) / (BRAKE[1] - SPEED_UP[1])
    force = torch.lerp(torch.full_like(way, SPEED_UP[0]), torch.full_like(way, BRAKE[0]), slowing.clamp(0.0, 1.0))
    arriving = BRAKE[0] * (1.0 - way) / (1.0 - BRAKE[1])
    force = torch.where(way > BRAKE[1], arriving, force)
    force = torch.where(way > 1.0, -AHEAD * (way - 1.0), force)
    return goal * torch.where(way < 0.0, force - BEHIND * way, force)


def motion(interface: ActionInterface, observation: Tensor) -> Tensor:
    """Policy observations (B, 39) → actions (B, 30) in [-1, 1]."""
    joints, ball, target = observation[:, :30], -observation[:, 30:33], -observation[:, 36:39]
    side, ahead, pitch = joints[:, 0], joints[:, 2], joints[:, 3]
    beside, before = ball[:, 0] - GRASP[0], ball[:, 1] - GRASP[1]
    distance = torch.linalg.vector_norm(torch.stack([beside, before, ball[:, 2] - 0.006]), dim=0)
    inside = 1.0 - rising(distance, *INSIDE)
    clasped = rising(curled(interface, joints), *CLASPED) * inside * rising(ball[:, 2], *HELD)
    closing = torch.maximum(1.0 - rising(distance, *CLOSE), rising(curled(interface, joints), 0.5, 0.7) * inside)
    over = 1.0 - rising(torch.hypot(beside, before), *OVER)

    lead = torch.maximum(torch.minimum(target, LEAD), -LEAD)
    down = torch.lerp(0.006 - ball[:, 2] - HOVER * (1.0 - over), -lead[:, 2], clasped)
    across = torch.lerp(dash(side, side - beside), -CARRYING * lead[:, 0], clasped)
    along = torch.lerp(dash(ahead, ahead + before), CARRYING * lead[:, 1], clasped)
    targets: dict[str, Tensor | float] = dict.fromkeys(FINGERS, 0.016 + 1.411 * closing)
    targets |= {"ARRx": pitch_target(pitch, 1.026 * down)}
    targets |= {"ARTx": slide_target(side, across), "ARTz": slide_target(ahead, along)}
    targets |= {"WRJ0": 0.475 * over - 0.329}
    targets |= {"THJ4": 0.348, "THJ3": 0.88 * over + 0.388 * closing, "THJ0": -0.157 * closing}
    return actions(interface, targets, len(observation))
