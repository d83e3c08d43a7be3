"""`regrasp gate`: may reinforcement learning begin, or must cloning go on?"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from regrasp.cli.output import emit, note
from regrasp.errors import InputError

if TYPE_CHECKING:
    from regrasp.curriculum.gate import GateConfig, MeasuredDecision


def gate(
    bc_success: float | None = None,
    contact_entry_rate: float | None = None,
    trials: Path | None = None,
    panel: Path | None = None,
    task: str | None = None,
    success_threshold: float | None = 0.7,
    contact_entry_threshold: float | None = 0.8,
    decided_on: Literal["lower_bound", "rate"] = "lower_bound",
    json: bool = False,
) -> None:
    """Decide whether reinforcement learning may begin (rl_finetune) or cloning goes on (continue_bc).

    Give either two measured rates, or a checkpoint whose judged trials are in its run's store. Every number that is
    asked for must be strictly above its threshold.

    Args:
        bc_success: success rate of the cloned policy, between 0 and 1.
        contact_entry_rate: share of its trials that reach stable contact, between 0 and 1.
        trials: instead of the two rates, a checkpoint folder: decide on its stored undisturbed trials.
        panel: the panel file whose trials count; without it, the run's own panel.
        task: with --trials, the task, if it is not built in: its Python file, as my_task.py.
        success_threshold: what success must exceed; None does not ask for success.
        contact_entry_threshold: what contact entry must exceed; None does not ask for contact entry.
        decided_on: with --trials, what must exceed the thresholds: rates, or lower ends of their 95 % intervals.
        json: print one JSON object instead of sentences.
    """
    from regrasp.curriculum.gate import GateConfig, decide

    numbers = (bc_success, contact_entry_rate)
    config = GateConfig(success=success_threshold, contact_entry=contact_entry_threshold, decided_on=decided_on)
    if trials is not None:
        if numbers != (None, None):
            raise InputError("gate", "--trials", "rates beside it", "either trials or the two rates")
        decision = _decide_on_stored(trials, panel, task, config)
        emit(decision.to_json(), json, _sentence(decision))
        return
    if bc_success is None or contact_entry_rate is None:
        given = "only one of the two rates" if numbers != (None, None) else "neither rates nor trials"
        raise InputError("gate", "", given, "--bc-success and --contact-entry-rate, or --trials")
    decided = decide(bc_success, contact_entry_rate, config)
    for demand in decided.unmet:
        note(demand)
    emit(decided.to_json(), True)


def _decide_on_stored(folder: Path, panel: Path | None, task: str | None, config: "GateConfig") -> "MeasuredDecision":
    from regrasp.cli.judging import open_checkpoint, stored_panels, stored_trials
    from regrasp.curriculum.gate import decide_on_trials
    from regrasp.panel.cases import read_panel

    checkpoint = open_checkpoint(folder, task)
    known = stored_panels(checkpoint)
    digest = read_panel(panel).digest if panel else next(iter(known), "")
    if digest not in known:
        what = f"no stored trials on panel {digest[:12]}" if panel else "no stored trials"
        where = panel or "PANEL"
        raise InputError(folder, "", what, f"a judged checkpoint of a run: regrasp evaluate {folder} --panel {where}")
    undisturbed = [row for row in stored_trials(checkpoint, digest) if row.disturbance == "none"]
    if not undisturbed:
        raise InputError(folder, f"panel {digest[:12]}", "no undisturbed trial", "at least one to decide on")
    return decide_on_trials(undisturbed, checkpoint.task.judge.primary, config)


def _sentence(decision: "MeasuredDecision") -> str:
    from regrasp.report.record import GateRecord
    from regrasp.report.verdict import gate_sentence

    data: dict[str, Any] = decision.to_json()
    return f"{decision.phase}. {gate_sentence(GateRecord(data))}"
