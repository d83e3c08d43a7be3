"""All methods by name, and which extra packages they need."""

import importlib
import importlib.util
from dataclasses import dataclass

from peers.given import Method

EXTRA = "peers"


@dataclass(frozen=True)
class Entry:
    """One method.

    Attributes:
        title: as drawn and printed.
        place: `module:function`, imported only when asked for.
        packages: modules of the extra that it needs.
    """

    title: str
    place: str
    packages: tuple[str, ...] = ()

    def load(self) -> Method:
        """The method's function."""
        module, name = self.place.split(":")
        method: Method = getattr(importlib.import_module(f"peers.{module}"), name)
        return method


METHODS = {
    "ours": Entry("ours", "own:ours"),
    "bc-ppo": Entry("BC + PPO", "own:bc_ppo"),
    "dapg": Entry("NPG + DAPG", "dapg:dapg"),
    "rlpd": Entry("RLPD", "rlpd:rlpd"),
    "sb3-ppo": Entry("SB3 PPO", "sb3:ppo", ("stable_baselines3",)),
    "sb3-sac": Entry("SB3 SAC", "sb3:sac", ("stable_baselines3",)),
    "rsl-ppo": Entry("rsl_rl PPO", "rsl:ppo", ("rsl_rl",)),
}


def missing(names: list[str]) -> str:
    """One sentence about packages that are not installed; empty if all are."""
    wanted = {package for name in names for package in METHODS[name].packages}
    absent = sorted(package for package in wanted if importlib.util.find_spec(package) is None)
    if not absent:
        return ""
    return f"{', '.join(absent)}: not installed; they come with the extra {EXTRA!r}: make peers"
