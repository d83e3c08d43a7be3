"""One judged trial: one policy on one case, one row, whatever the source."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Trial:
    """What the judge and the contact code found in one trial. Steps count control steps from 0; -1 means never.

    Attributes:
        case: number of the case in its panel.
        object: name of the object.
        disturbance: kind of the disturbance, `none` if undisturbed.
        magnitude: of the disturbance, in the kind's unit (0 for `none`).
        seed: the case's seed.
        source: `simulation`, `export` or `real`.
        success: success at any step ("once").
        success_at_end: success at the last step.
        success_held: success on more steps than the judge asks for.
        contact_entry: first step of the first stable contact.
        disturbed_at: step at which the disturbance began to act.
        lost_at: step of the first loss after the disturbance.
        recovered_at: step at which the held condition was regained for good, inside the recovery window.
        first_success: first step in success.
        slip: tangential travel of the object against the touching regions [m].
        total_reward: sum of the task's reward; never used to judge.
        steps: control steps simulated.
        violations: physical rules broken, by name.
        failure: why the simulation could not finish (`diverged at step 12`), empty if it did.
        modes: contact mode at each step, one byte each.
        travel: length of the object's path [m, and rad where the judge tracks angles alone].
        peak_speed: of the object between two control steps [m/s, rad/s].
        peak_force: largest normal force of one contact on the object [N].
        near_steps: control steps of the hand near the object, each counted by the distance, 1 at none.
        turned: net rotation of the angle that counts towards the goal, in its sense [rad]; 0 for a task without one.
        turning: the same with every change counted as positive [rad].
        success_steps: control steps in success.
        close_steps: control steps close to success, and not in it.
        reward_at_end: mean reward per control step over the last second; never used to judge.

    What follows `modes` is what an audit of the reward needs; a bench does not know all of it (NaN).
    """

    case: int
    object: str
    disturbance: str
    magnitude: float
    seed: int
    source: str
    success: bool
    success_at_end: bool
    success_held: bool
    contact_entry: int
    disturbed_at: int
    lost_at: int
    recovered_at: int
    first_success: int
    slip: float
    total_reward: float
    steps: int
    violations: tuple[str, ...]
    failure: str
    modes: bytes
    travel: float = math.nan
    peak_speed: float = math.nan
    peak_force: float = math.nan
    near_steps: float = math.nan
    turned: float = math.nan
    turning: float = math.nan
    success_steps: int = 0
    close_steps: int = 0
    reward_at_end: float = math.nan

    @property
    def turned_back(self) -> float:
        """Rotation against the goal's sense [rad]."""
        return (self.turning - self.turned) / 2

    @property
    def entered(self) -> bool:
        """Stable contact happened."""
        return self.contact_entry >= 0

    @property
    def lost(self) -> bool:
        """The held condition broke after the disturbance."""
        return self.lost_at >= 0

    @property
    def recovered(self) -> bool:
        """After a loss, the held condition came back in time and stayed."""
        return self.recovered_at >= 0
