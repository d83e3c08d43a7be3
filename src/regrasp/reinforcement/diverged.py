"""What ends learning that has gone wrong: one sentence that says what, where and which setting helps."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command knows this error, and must not wait for torch
    from torch import Tensor


class Diverged(ArithmeticError):
    """A quantity of learning is not finite, or beyond all that can be; the command prints this and ends with code 1.

    Args:
        quantity: what, in words.
        found: its value.
        update: after how many updates.
        helps: what to change.
    """

    def __init__(self, quantity: str, found: float, update: int, helps: str) -> None:
        self._given = (quantity, found, update, helps)
        super().__init__(
            f"learning diverged: {quantity} is {found:g} after {update} updates; {helps} helps, in a new run. What was "
            "saved before stays."
        )

    def __reduce__(self) -> tuple[type["Diverged"], tuple[str, float, int, str]]:
        return type(self), self._given


def check_value(quantity: str, value: float, largest: float, update: int, helps: str) -> None:
    """Refuse a value that is not finite or whose size is above `largest`.

    Raises:
        Diverged: it is.
    """
    if not (math.isfinite(value) and abs(value) <= largest):
        raise Diverged(quantity, value, update, helps)


def check_weights(quantity: str, weights: Iterable["Tensor"], update: int, helps: str) -> None:
    """Refuse weights that are not finite.

    Raises:
        Diverged: one is.
    """
    # A sum is not finite where a part is not: one pass, no mask.
    total = float(sum(one.detach().double().abs().sum() for one in weights))
    check_value(quantity, total, math.inf, update, helps)
