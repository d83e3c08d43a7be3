"""What a policy is made of: which body reads how much, which head decides how far ahead, how much of that is acted."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

Body = Literal["mlp", "transformer"]
HeadName = Literal["gaussian", "mixture", "flow"]

BODIES: tuple[str, ...] = get_args(Body)
HEADS: tuple[str, ...] = get_args(HeadName)
LONGEST = 64
"""Observations in a window and actions in a chunk, at most."""
ATTENTION_HEADS = 4
"""Of every block of a transformer, which divides its width by them."""


@dataclass(frozen=True)
class Design:
    """Which parts a policy is composed of; the default reads one observation and decides one action.

    Attributes:
        body: what reads observations: `mlp`, or `transformer` with one block for every hidden width.
        window: W, how many of the latest observations it reads.
        head: how it decides: `gaussian` (the mean), `mixture` (the likeliest of five means), `flow` (flow matching).
        chunk: H, how many actions it decides at once, the one for now and those after it.
        execute: how many actions of a chunk are acted before the next one is decided.
        ensemble: a chunk at every control step, and what is acted is the weighted mean of all decided for that step.
        sampled: a flow begins at noise that changes with the observation, as if drawn for each decision, not at zero.

    Raises:
        ValueError: an unknown name, a number out of range, or parts that make no sense together.
    """

    body: Body = "mlp"
    window: int = field(default=1, metadata={"minimum": 1, "maximum": LONGEST})
    head: HeadName = "gaussian"
    chunk: int = field(default=1, metadata={"minimum": 1, "maximum": LONGEST})
    execute: int = field(default=1, metadata={"minimum": 1, "maximum": LONGEST})
    ensemble: bool = False
    sampled: bool = False

    def __post_init__(self) -> None:
        for name, known in (("body", BODIES), ("head", HEADS)):
            if getattr(self, name) not in known:
                raise ValueError(f"no {name} {getattr(self, name)!r}; valid names: {', '.join(known)}")
        for name in ("window", "chunk", "execute"):
            value = getattr(self, name)
            if type(value) is not int or not 1 <= value <= LONGEST:
                raise ValueError(f"{name} must be a whole number from 1 to {LONGEST}, not {value!r}")
        for name in ("ensemble", "sampled"):
            if type(getattr(self, name)) is not bool:
                raise ValueError(f"{name} must be true or false, not {getattr(self, name)!r}")
        self._require_sense()

    def _require_sense(self) -> None:
        if self.execute > self.chunk:
            raise ValueError(f"execute must not be above chunk: {self.execute} of {self.chunk} actions cannot be acted")
        if self.ensemble and (self.execute > 1 or self.chunk == 1):
            raise ValueError("ensemble needs a chunk of 2 or more, and execute 1, so that chunks overlap at every step")
        if self.body == "transformer" and self.window == 1:
            raise ValueError("a transformer needs a window of 2 or more observations to read; for one, use an mlp")
        if self.sampled and self.head != "flow":
            raise ValueError(f"sampled needs the head flow: a {self.head} decides without noise")

    @property
    def remembers(self) -> bool:
        """Whether an action depends on more than the latest observation."""
        return self.window > 1 or self.chunk > 1

    def require_hidden(self, hidden: Sequence[int]) -> None:
        """Refuse hidden layers that the body cannot have.

        Raises:
            ValueError: none at all; or for a transformer, widths that differ or that its attention heads do not divide.
        """
        if not hidden:
            raise ValueError("a policy needs at least one hidden layer")
        if self.body == "transformer" and (len(set(hidden)) > 1 or hidden[0] % ATTENTION_HEADS):
            expected = f"equal hidden widths, a multiple of {ATTENTION_HEADS}"
            raise ValueError(f"a transformer needs {expected}, not {tuple(hidden)}")
