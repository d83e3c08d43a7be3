"""What a report is made of: plain records, so that the page is a function of them and of nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regrasp.panel.statistics import UNKNOWN, Facts
from regrasp.store.curves import ProgressRecord
from regrasp.trial import Trial


@dataclass(frozen=True)
class Judged:
    """One checkpoint and its trials on the panel.

    Attributes:
        digest: of the checkpoint.
        trials: one row per case.
    """

    digest: str
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class GateRecord:
    """What the gate said in the end.

    Attributes:
        decision: `MeasuredDecision.to_json()`: phase, decided_on, thresholds, success and contact_entry (rates), unmet.
        forced: reinforcement learning began although the gate said `continue_bc`.
        rounds: rounds of cloning before this decision.
    """

    decision: Mapping[str, Any]
    forced: bool = False
    rounds: int = 1


@dataclass(frozen=True)
class Strip:
    """Pictures of one trial.

    Attributes:
        title: what is seen, as `Recovered: push, case 131`.
        caption: one sentence.
        frames: (time [s], (H, W, 3) uint8 RGB) in order.
        policy: whose trial it is; strips of one title after one another stand side by side.
    """

    title: str
    caption: str
    frames: Sequence[tuple[float, NDArray[np.uint8]]]
    policy: str = ""


@dataclass(frozen=True)
class Alone:
    """The same fine-tuning without any demonstration.

    Attributes:
        progress: as the run's own.
        wall_clock: as the run's own.
        tuned: its trials on the same panel.
        comparison: `Comparison.to_json()` of its policy (a) and the run's fine-tuned one (b).
        differs: settings in which it is not the same fine-tuning, empty if it is.
    """

    progress: Sequence[ProgressRecord] = ()
    wall_clock: Mapping[str, float] = field(default_factory=dict)
    tuned: Judged | None = None
    comparison: Mapping[str, Any] | None = None
    differs: str = ""


@dataclass(frozen=True)
class RunRecord:
    """Everything that one page shows. What a run does not have stays at its default, and the page says so.

    Attributes:
        run: name of the run.
        task: name of the task.
        primary: name of the outcome that the verdict is about (`success_held`).
        regions: contact regions; bit i of a contact mode is region i.
        rate: control rate [Hz].
        cloned: trials of the cloned policy.
        tuned: trials of the fine-tuned policy.
        comparison: `Comparison.to_json()` of the cloned policy (a) and the fine-tuned one (b).
        gate: what the gate said.
        stopped: why the run ended before fine-tuning and what would help; empty if it did not.
        progress: what the learning loops yielded, in order, as `store.curves.read_curves` returns it.
        wall_clock: part (`simulation`, `learning`, `evaluation`, `other`) → seconds.
        digests: of what → digest (panel, judge, interface, checkpoints, demonstrations).
        versions: package → version.
        seed: of the run.
        command: that repeats the run.
        curriculum: as resolved.
        definitions: outcome → what the task's judge means by it.
        units: kind of disturbance → unit of its magnitude.
        style_distance: Jensen–Shannon distance of the two policies' contact styles.
        strips: pictures of a recovered, a failed and a newly broken trial, of both policies.
        facts: of the task: held-out objects, drops, envelopes.
        demonstrated: the run has demonstrations at all.
        alone: the same fine-tuning without them, if it was run.
        recovery_window: of the judge [control steps].
        repertoire: `Repertoire.to_json()` and, under `expected`, what `panel.repertoire.expected` gives, as plain data;
            None if the demonstrations are not at hand.
    """

    run: str
    task: str
    primary: str
    regions: Sequence[str]
    rate: float
    cloned: Judged | None = None
    tuned: Judged | None = None
    comparison: Mapping[str, Any] | None = None
    gate: GateRecord | None = None
    stopped: str = ""
    progress: Sequence[ProgressRecord] = ()
    wall_clock: Mapping[str, float] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    seed: int | None = None
    command: str = ""
    curriculum: Mapping[str, Any] = field(default_factory=dict)
    definitions: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    style_distance: float | None = None
    strips: Sequence[Strip] = ()
    facts: Facts = UNKNOWN
    demonstrated: bool = True
    alone: Alone | None = None
    recovery_window: int | None = None
    repertoire: Mapping[str, Any] | None = None

    @property
    def judged(self) -> dict[str, Judged]:
        """The policies that have trials, by the name the page gives them: `cloned` before `fine-tuned`."""
        both = {"cloned": self.cloned, "fine-tuned": self.tuned}
        return {name: policy for name, policy in both.items() if policy is not None and policy.trials}
