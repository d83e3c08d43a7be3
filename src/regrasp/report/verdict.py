"""The verdict in one sentence, and the other plain sentences, built from the numbers."""

from dataclasses import dataclass
from typing import Any, Literal

from regrasp.panel.statistics import OUTCOMES, UNKNOWN, Facts, Rate, loss_and_recovery, rate_of
from regrasp.report.record import GateRecord, Judged, RunRecord
from regrasp.report.wording import counted, difference_of, kind, listed, outcome, p_value, percent

Tone = Literal["good", "bad", "open"]
_TONES: dict[str, Tone] = {"improved": "good", "regressed": "bad", "undecided": "open"}


@dataclass(frozen=True)
class Verdict:
    """One sentence, and whether it is good news, bad news or neither."""

    sentence: str
    tone: Tone


@dataclass(frozen=True)
class Rates:
    """The rates of one policy that belong together.

    Attributes:
        primary: primary outcome over all trials.
        entry: contact entry over all trials.
        undisturbed: primary outcome of the undisturbed trials.
        disturbed: primary outcome of the disturbed trials.
        loss: losses among the trials in which a disturbance acted.
        recovery: recoveries among these losses.
        dropped: drops among all trials, None where the task knows none.
    """

    primary: Rate
    entry: Rate
    undisturbed: Rate
    disturbed: Rate
    loss: Rate
    recovery: Rate
    dropped: Rate | None = None


def rates_of(policy: Judged, primary: str, facts: Facts = UNKNOWN) -> Rates:
    """Everything that is said about one policy as a whole."""
    done = OUTCOMES[primary]
    disturbed = [trial for trial in policy.trials if trial.disturbance != "none"]
    loss, recovery = loss_and_recovery(disturbed)
    return Rates(
        primary=rate_of(map(done, policy.trials)),
        entry=rate_of(trial.entered for trial in policy.trials),
        undisturbed=rate_of(done(trial) for trial in policy.trials if trial.disturbance == "none"),
        disturbed=rate_of(map(done, disturbed)),
        loss=loss,
        recovery=recovery,
        dropped=facts.dropped(policy.trials),
    )


def verdict(record: RunRecord) -> Verdict:
    """What the run showed, in one sentence."""
    judged = {name: rates_of(policy, record.primary) for name, policy in record.judged.items()}
    if len(judged) == 2:
        return _both(record, judged["cloned"], judged["fine-tuned"])
    if record.stopped or _gate_closed(record.gate):
        return Verdict(f"The run stopped at the gate: {_stop_reason(record)}{_alone(record, judged)}.", "bad")
    if judged:
        (name,) = judged
        if not record.demonstrated:
            return Verdict(_from_rest(record, judged[name]), "open")
        if not record.curriculum.get("rl", {}).get("iterations", 1):
            return Verdict(f"The run was to clone, and no more{_alone(record, judged)}.", "open")
        missing = "fine-tuned" if name == "cloned" else "cloned"
        return Verdict(f"The {missing} policy has not been judged yet{_alone(record, judged)}.", "open")
    return Verdict("No policy of this run has been judged yet.", "open")


def _from_rest(record: RunRecord, rates: Rates) -> str:
    return (
        f"Fine-tuning without any demonstration, from the rest posture, ends with {outcome(record.primary)} in "
        f"{counted(rates.primary)} of the panel's cases and contact entry in {counted(rates.entry)}."
    )


def _both(record: RunRecord, before: Rates, after: Rates) -> Verdict:
    compared = record.comparison
    change = f"from {counted(before.primary)} to {counted(after.primary)}"
    forced = ", although the gate had said to go on cloning" if record.gate and record.gate.forced else ""
    if compared is None:
        text = f"Fine-tuning went {change} in {outcome(record.primary)}, and the two have not been compared{forced}."
        return Verdict(text, "open")
    evidence = f"({difference_of(compared['difference'])}, {p_value(compared['p'])})"
    panel = f"{outcome(record.primary)} on the {compared['n']}-case panel"
    if compared["verdict"] == "undecided":
        text = f"The {compared['n']} cases do not show whether fine-tuning changed {outcome(record.primary)}: {change}"
        text = f"{text} {evidence}{_too_few(compared)}"
    else:
        verb = "raised" if compared["verdict"] == "improved" else "lowered"
        text = f"Fine-tuning {verb} {panel} {change} {evidence}"
    return Verdict(f"{text}{_under_disturbance(before, after)}{forced}.", _TONES[compared["verdict"]])


def _too_few(compared: dict[str, Any] | Any) -> str:
    smallest = compared.get("smallest_n")
    if smallest is None or smallest <= compared["n"]:
        return ""
    return f", which takes at least {smallest} cases to show"


def _under_disturbance(before: Rates, after: Rates) -> str:
    if not before.disturbed.n or not after.disturbed.n:
        return ""
    return (
        f"; under disturbances it went from {percent(before.disturbed.rate)} to {percent(after.disturbed.rate)}, "
        f"losses from {_of(before.loss)} to {_of(after.loss)} and recoveries after a loss "
        f"from {_of(before.recovery)} to {_of(after.recovery)}"
    )


def _of(rate: Rate) -> str:
    return f"{rate.count}/{rate.n}"


def _gate_closed(gate: GateRecord | None) -> bool:
    return gate is not None and gate.decision["phase"] == "continue_bc" and not gate.forced


def _stop_reason(record: RunRecord) -> str:
    if record.stopped:
        return record.stopped.rstrip(". ")
    assert record.gate is not None
    return listed(list(record.gate.decision["unmet"])) or "it said to go on cloning"


def _alone(record: RunRecord, judged: dict[str, Rates]) -> str:
    parts = [
        f"the {name} policy has {outcome(record.primary)} in {counted(rates.primary)} of the panel's cases and "
        f"contact entry in {counted(rates.entry)}"
        for name, rates in judged.items()
    ]
    return f"; {parts[0]}" if parts else ""


def gate_sentence(gate: GateRecord) -> str:
    """What the gate asked for, what was measured, and what it decided."""
    decision = gate.decision
    asked = {name: value for name, value in decision["thresholds"].items() if value is not None}
    wanted = listed([f"{plain_name(name)} above {percent(value)}" for name, value in asked.items()])
    found = listed([f"{plain_name(name)} {_measured(decision[name])}" for name in asked])
    basis = "the rate itself" if decision["decided_on"] == "rate" else "the lower end of the 95 % interval"
    rounds = f" after {gate.rounds} rounds of cloning" if gate.rounds > 1 else ""
    said = "it opened" if decision["phase"] == "rl_finetune" else "it said to go on cloning"
    text = f"The gate asked for {wanted}, decided on {basis}, and found {found}{rounds}: {said}."
    if set(asked) == {"contact_entry"}:
        text += f" It asked for contact entry alone; success ({_measured(decision['success'])}) played no part."
    return text


def plain_name(name: str) -> str:
    """A threshold's name as words."""
    return name.replace("_", " ")


def _measured(rate: dict[str, Any]) -> str:
    whole = Rate(**rate)
    low, high = percent(whole.low), percent(whole.high)
    return f"{counted(whole)}, 95 % interval {low} to {high}" if whole.n else "no case"


def where_it_did_not_help(comparison: dict[str, Any] | Any) -> str:
    """The kinds of disturbance under which fine-tuning is not shown to be better, with their numbers."""
    strata = comparison["strata"]
    parts = []
    for name in comparison["did_not_help"]:
        stratum = strata[name]
        change = f"{percent(stratum['a']['primary']['rate'])} to {percent(stratum['b']['primary']['rate'])}"
        parts.append(f"{kind(name)} ({change}, {stratum['verdict']})")
    if not parts:
        return f"Fine-tuning is shown to help in every one of the {len(strata)} groups of cases."
    helped = len(strata) - len(parts)
    shown = f"Fine-tuning is shown to help in {helped} of {len(strata)} groups of cases"
    return f"{shown}. It is not shown to help in {listed(parts)}."
