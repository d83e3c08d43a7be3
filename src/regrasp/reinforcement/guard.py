"""The contact guard: λ_BC as the multiplier of a constraint, that fine-tuning enters contact as often as the clone did.

A fixed schedule fades whether or not the policy still finds the object. The guard measures the clone while only the
critic learns, under the noise and the disturbances of training, and then raises λ_BC where contact entry falls below
that by more than a margin, or the contact style moves too far, and lowers it where neither does. Dual ascent on the
logarithm of λ_BC (multiplicative weights; Arora, Hazan and Kale 2012), because useful weights span decades, with a
proportional part that answers at once (Stooke, Achiam and Abbeel 2020, "Responsive Safety in Reinforcement Learning by
PID Lagrangian Methods").
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regrasp.contact import style_distance

RECENT = 64
"""Episodes that the present rate is taken over, at least: those of the latest segments that have so many."""
FEWEST = 64
"""Episodes that the clone's rate must be measured on."""
NEARLY = 0.9
"""Contact is expected by the control step by which so much of the clone's contact entry has happened."""
WEAKEST, STRONGEST = 1e-3, 30.0
"""λ_BC stays between: where it moves nothing, and where the reward moves nothing."""
PROPORTIONAL = 5.0
"""The proportional gain, in gains of the dual ascent."""


@dataclass(frozen=True)
class Contact:
    """What a segment showed of contact.

    Attributes:
        due: (T + 1,) episodes from the task's own start that came to their t-th control step, or entered contact and
            ended before; T is the task's time limit.
        entered: (T + 1,) those of them with contact entry by then.
        modes: (256,) steps in each contact mode.
    """

    due: NDArray[np.int64]
    entered: NDArray[np.int64]
    modes: NDArray[np.int64]


class ContactGuard:
    """λ_BC by what contact does.

    Args:
        margin: by how much contact entry may fall below the clone's.
        style_margin: Jensen–Shannon distance by which contact style may leave the clone's; None: as far as it likes.
        gain: of the dual ascent: log λ_BC rises by so much per iteration for a breach of 1.
        first: λ_BC at the beginning.
        limit: T, the task's time limit in control steps.

    Attributes:
        weight: λ_BC.
    """

    def __init__(self, margin: float, style_margin: float | None, gain: float, first: float, limit: int) -> None:
        self._margin, self._style_margin, self._gain = margin, style_margin, gain
        self.weight = max(WEAKEST, first)
        self._log = float(np.log(self.weight))
        self._clone = np.zeros((2, limit + 1), np.int64)
        self._clone_modes, self._modes = np.zeros((2, 256), np.int64)
        # (due, entered) of the latest segments, the newest first; as many as there could be without an episode.
        self._recent = np.zeros((RECENT, 2), np.int64)

    @property
    def certain(self) -> bool:
        """The clone has been measured on enough episodes, half the way to the time limit at least."""
        return bool(self._clone[0, self._clone.shape[1] // 2] >= FEWEST)

    def note_clone(self, contact: Contact) -> None:
        """Add a segment of the clone's own to the reference."""
        self._clone += np.stack([contact.due, contact.entered])
        self._clone_modes += contact.modes

    def note(self, contact: Contact) -> None:
        """Take in a segment of the policy and set `weight`, if the clone is known."""
        if not self.certain:
            return
        step = self.expected_by
        self._recent = np.roll(self._recent, 1, axis=0)
        self._recent[0] = contact.due[step], contact.entered[step]
        self._modes = contact.modes
        breach = self._breach()
        if breach is None:
            return
        low, high = np.log([WEAKEST, STRONGEST])
        self._log = float(np.clip(self._log + self._gain * breach, low, high))
        self.weight = float(np.exp(min(high, self._log + PROPORTIONAL * self._gain * max(0.0, breach))))

    def _breach(self) -> float | None:
        """How far the constraint is broken, negative where there is room; of two constraints, the one nearer to it."""
        breaches = [self.floor - entry] if (entry := self.entry) is not None else []
        if self._style_margin is not None and (distance := self.distance) is not None:
            breaches.append(distance - self._style_margin)
        return max(breaches) if breaches else None

    @property
    def expected_by(self) -> int:
        """The control step by which contact is expected."""
        due, entered = self._clone
        rates = np.where(due >= FEWEST, entered / np.maximum(due, 1), 0.0)
        return int(np.argmax(rates >= NEARLY * rates.max()))

    @property
    def floor(self) -> float:
        """Contact entry by then must not fall below this."""
        due, entered = self._clone[:, self.expected_by]
        return float(entered / max(due, 1)) - self._margin

    @property
    def entry(self) -> float | None:
        """Contact entry by then, over the latest segments; None without an episode that came so far."""
        due, entered = self._recent.cumsum(0).T
        if not due[-1]:
            return None
        last = int(np.argmax(due >= min(RECENT, due[-1])))
        return float(entered[last] / due[last])

    @property
    def distance(self) -> float | None:
        """Distance of the latest segment's contact style from the clone's; None where one of them shows no contact."""
        clone, present = _style(self._clone_modes), _style(self._modes)
        return None if clone is None or present is None else style_distance(clone, present)

    def values(self) -> dict[str, float]:
        """For the learning curves; nothing before the clone is known."""
        if not self.certain:
            return {}
        known = {"contact/entry": self.entry, "contact/floor": self.floor, "contact/style_distance": self.distance}
        return {name: value for name, value in known.items() if value is not None}

    def tensors(self) -> dict[str, Tensor]:
        """Everything the next decision depends on."""
        arrays = {"clone": self._clone, "clone_modes": self._clone_modes, "modes": self._modes, "recent": self._recent}
        weights = torch.tensor([self._log, self.weight], dtype=torch.float64)
        return {"weights": weights} | {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Continue from `tensors`."""
        self._log, self.weight = tensors["weights"].tolist()
        self._clone, self._clone_modes, self._modes, self._recent = (
            tensors[name].numpy().copy() for name in ("clone", "clone_modes", "modes", "recent")
        )


def _style(modes: NDArray[np.int64]) -> NDArray[np.float64] | None:
    touching = modes.astype(np.float64)
    touching[0] = 0.0
    return touching / touching.sum() if touching.sum() else None
