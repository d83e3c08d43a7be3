"""What a curriculum file says: task, demonstrations, panel and the settings of the three phases."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from regrasp.curriculum.gate import GateConfig
from regrasp.curriculum.settings import check_settings, override, read_settings, settings_to_json, to_toml
from regrasp.errors import InputError
from regrasp.fields import digest_of
from regrasp.imitation.cloning import CloningConfig
from regrasp.policies.design import Design
from regrasp.reinforcement.config import OnPolicyConfig
from regrasp.reinforcement.off_policy_config import OffPolicyConfig

BESIDE = ("demonstrations", "panel", "teaches", "discovers")
"""Settings that change no result."""


@dataclass(frozen=True)
class CloningPhase:
    """Behaviour cloning: how one round goes, and how many the gate may ask for.

    Attributes:
        rounds_limit: rounds of cloning after which the run stops if the gate still says `continue_bc`.
        cloning: the settings of a round; in the file they stand in the same table.
    """

    rounds_limit: int = field(default=3, metadata={"minimum": 1})
    cloning: CloningConfig = field(default_factory=CloningConfig, metadata={"inline": True})


@dataclass(frozen=True)
class Curriculum:
    """A curriculum, complete: every setting of every phase has its value.

    Attributes:
        task: name of the task, or its Python file, relative to the curriculum file.
        panel: the panel file, relative to the curriculum file.
        gate: what the cloned policy must show.
        demonstrations: the demonstration file, relative to the curriculum file; None if the command names one.
        seed: from which every random stream of the run is derived.
        teaches: contact modes (`thumb+index`) or transitions (`thumb -> thumb+index`) that the demonstrations are
            expected to teach; the report says whether the cloned policy reproduces them.
        discovers: those that are expected of verified recoveries alone, as no demonstration shows them.
        fine_tuning: how reinforcement learning learns: `on_policy` by the settings of `rl`; `off_policy` by those of
            `off_policy`, and of `rl` only what it trains under: its starts, disturbances, rewards, discount, smallest
            noise, residual and cases of a check.
        bc: behaviour cloning.
        rl: reinforcement learning; with no iterations the run ends after cloning.
        off_policy: the settings of off-policy fine-tuning.

    Raises:
        ValueError: fine-tuning without a residual of a policy that needs one.
    """

    task: str
    panel: str
    gate: GateConfig
    demonstrations: str | None = None
    seed: int = field(default=0, metadata={"minimum": 0, "maximum": 2**63 - 1})
    teaches: tuple[str, ...] = ()
    discovers: tuple[str, ...] = ()
    fine_tuning: Literal["on_policy", "off_policy"] = "on_policy"
    bc: CloningPhase = field(default_factory=CloningPhase)
    rl: OnPolicyConfig = field(default_factory=OnPolicyConfig)
    off_policy: OffPolicyConfig = field(default_factory=OffPolicyConfig)

    def __post_init__(self) -> None:
        if self.rl.iterations > 0 and self.rl.residual is False and self.bc.cloning.design != Design():
            raise ValueError(
                'rl.residual = false needs body "mlp", head "gaussian", window 1 and chunk 1; any other policy is '
                "fine-tuned by a residual, which is on if the setting is left out"
            )

    @property
    def corrects(self) -> bool:
        """Fine-tuning freezes the clone and learns a bounded correction of its actions."""
        asked = self.rl.residual
        return self.bc.cloning.design != Design() if asked is None else asked

    def to_json(self) -> dict[str, Any]:
        """As plain data, in the file's layout."""
        return settings_to_json(self)

    @property
    def identity(self) -> dict[str, Any]:
        """All settings that a result depends on: no places of files, whose contents have digests, no expectations.

        Nor off-policy settings where fine-tuning is on-policy, and those of a residual where there is none, as before
        there were others.
        """
        unused = ("fine_tuning", "off_policy") if self.fine_tuning == "on_policy" else ()
        found = {name: value for name, value in self.to_json().items() if name not in (*BESIDE, *unused)}
        if not self.corrects:
            found["rl"] = {name: value for name, value in found["rl"].items() if not name.startswith("residual")}
        return found

    def to_toml(self) -> str:
        """As the text of a curriculum file that reads back into an equal record."""
        return to_toml(self.to_json())

    @property
    def digest(self) -> str:
        """SHA-256 of `identity`."""
        return digest_of(self.identity)


def read_curriculum(path: str | Path, overrides: Sequence[str] = ()) -> Curriculum:
    """Read a curriculum file.

    Args:
        path: the TOML file.
        overrides: `phase.key=value` each, applied in order; the last one of a setting counts.
    """
    table = _read_toml(Path(path))
    check_settings(Curriculum, table, path)
    for assignment in overrides:
        table = override(Curriculum, table, assignment)
    return read_settings(Curriculum, table, path)


def locate(curriculum_file: str | Path, name: str) -> Path:
    """Where a file that the curriculum names lies."""
    return Path(curriculum_file).parent / name


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise InputError(path, "", error.strerror or "an unreadable file", "a curriculum file") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise InputError(path, "", f"text that is not TOML ({error})", "a curriculum file") from None
