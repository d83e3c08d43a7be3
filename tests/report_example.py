"""Records of made-up runs, shaped like real ones, for the tests of the report."""

from dataclasses import replace
from typing import Any

import numpy as np

from regrasp.panel.comparison import compare
from regrasp.panel.repertoire import Shown, expected, shown_in
from regrasp.panel.repertoire import repertoire as of_all
from regrasp.report.record import GateRecord, Judged, RunRecord, Strip
from regrasp.store.curves import CurvePoint
from regrasp.trial import Trial

REGIONS = ("thumb", "index", "middle", "ring", "little", "palm")
UNITS = {"push": "N·s", "slip": "× contact friction", "pose_error": "m", "latency": "control steps"}
# kind → (cases, success before, success after, loss before, loss after, recovery before, recovery after)
KINDS: dict[str, tuple[int, float, float, float, float, float, float]] = {
    "none": (200, 0.14, 0.97, 0.05, 0.01, 0.0, 0.5),
    "push": (60, 0.10, 0.90, 0.55, 0.30, 0.1, 0.85),
    "slip": (60, 0.30, 0.92, 0.30, 0.20, 0.1, 0.9),
    "pose_error": (60, 0.05, 0.80, 0.60, 0.40, 0.05, 0.7),
    "friction": (60, 0.02, 0.55, 0.20, 0.20, 0.0, 0.6),
    "actuator": (60, 0.25, 0.30, 0.25, 0.22, 0.1, 0.2),
    "latency": (60, 0.20, 0.88, 0.2, 0.1, 0.0, 0.8),
    "sensor_noise": (60, 0.15, 0.93, 0.2, 0.1, 0.1, 0.9),
}
DIGEST = "3f9a0c7d5e12b86410fa" * 3 + "abcd"


def trials(after: bool, seed: int, cases: float = 1.0) -> tuple[Trial, ...]:
    """One policy's rows on a made-up panel; `cases` scales its size."""
    random = np.random.default_rng(seed)
    rows: list[Trial] = []
    for kind, (count, *rates) in KINDS.items():
        success, loss, recovery = rates[int(after) :: 2]
        for _ in range(max(1, round(count * cases))):
            rows.append(_trial(len(rows), kind, random, success, loss, recovery))
    return tuple(rows)


def _trial(case: int, kind: str, random: np.random.Generator, success: float, loss: float, recovery: float) -> Trial:
    entered, lost = random.random() < 0.98, random.random() < loss
    held = bool(entered and random.random() < success)
    entry = int(random.integers(35, 70)) if entered else -1
    began = -1 if kind == "none" else 0 if kind in ("friction", "latency", "actuator", "sensor_noise") else entry + 20
    recovered = lost and held and random.random() < max(recovery, 0.5)
    return Trial(
        case=case,
        object="door",
        disturbance=kind,
        magnitude=0.0 if kind == "none" else 0.5 + case % 7 / 4,
        seed=case,
        source="simulation",
        success=held,
        success_at_end=held,
        success_held=held,
        contact_entry=entry,
        disturbed_at=began,
        lost_at=entry + 30 if lost and entered else -1,
        recovered_at=entry + 60 if recovered and entered else -1,
        first_success=180 if held else -1,
        slip=0.02,
        total_reward=100.0,
        steps=300,
        violations=(),
        failure="",
        modes=_modes(random, entry, held),
    )


def _modes(random: np.random.Generator, entry: int, held: bool) -> bytes:
    modes = np.zeros(300, np.uint8)
    if entry >= 0:
        end = 190 if held else int(random.integers(entry + 40, 300))
        phases = np.sort(random.integers(entry, end, 3))
        for start, mode in zip([entry, *phases], random.choice([1, 3, 7, 15, 6, 32, 39], 4), strict=True):
            modes[start:end] = mode
    return modes.tobytes()


def progress() -> tuple[CurvePoint, ...]:
    """Two rounds' worth of cloning, then fine-tuning with a warm-up."""
    points = []
    for step in range(200, 4001, 200):
        points.append(CurvePoint("bc", step, 4000, 0, {"loss": 0.4 * 0.999**step + 0.03, "learning_rate": 1e-3}, 0.0))
    for step in range(1, 121):
        share = 1 / (1 + np.exp(-(step - 60) / 12))
        values = {"return": 40 + 2400 * share, "kl": 0.02 + 0.01 * np.sin(step), "lambda_bc": 0.1 * 0.97**step}
        values |= {"loss": 2 - share + 0.1 * np.cos(3 * step), "disturbed": min(0.5, step / 100), "entropy": -1.0}
        if step % 10 == 0:
            values |= {"success": 0.14 + 0.83 * share, "contact_entry": 0.98}
        values["clip_fraction"] = float("nan") if step < 5 else 0.1
        points.append(CurvePoint("rl", step, 120, 6400 * step, {k: float(v) for k, v in values.items()}, 0.0))
    return tuple(points)


def gate(phase: str = "rl_finetune", forced: bool = False, **thresholds: float | None) -> GateRecord:
    """A gate that asked for contact entry alone, unless told otherwise."""
    asked = {"success": None, "contact_entry": 0.8} | thresholds
    decision: dict[str, Any] = {
        "phase": phase,
        "bc_success": 0.14,
        "contact_entry_rate": 0.98,
        "decided_on": "lower_bound",
        "thresholds": asked,
        "success": {"rate": 0.14, "count": 28, "n": 200, "low": 0.0987, "high": 0.1949},
        "contact_entry": {"rate": 0.98, "count": 196, "n": 200, "low": 0.9497, "high": 0.9922},
        "unmet": [] if phase == "rl_finetune" else ["success 0.14 is not above 0.7"],
    }
    return GateRecord(decision, forced)


def frames(count: int = 8, height: int = 150, width: int = 200) -> list[tuple[float, np.ndarray]]:
    """Pictures with something in them."""
    ramp = np.linspace(0, 255, width, dtype=np.uint8)
    image = np.stack([np.tile(ramp, (height, 1))] * 3, axis=-1)
    return [(0.4 * i, np.roll(image, 20 * i, axis=1)) for i in range(count)]


def repertoire(before: tuple[Trial, ...], after: tuple[Trial, ...]) -> dict[str, Any]:
    """Demonstrations that show two thirds of what the cloned policy does, and two expectations."""
    taught = Shown([np.frombuffer(trial.modes, np.uint8) & 7 for trial in before[::20]])
    found = of_all(taught, shown_in(before), shown_in(after), REGIONS, 5)
    expectations = expected(found, ["thumb"], ["palm"])
    return found.to_json() | {"expected": [one.to_json() for one in expectations]}


def finished() -> RunRecord:
    """A run that went through, with everything in it."""
    before, after = trials(False, 1), trials(True, 2)
    return RunRecord(
        run="door",
        task="adroit-door",
        primary="success_held",
        regions=REGIONS,
        rate=100.0,
        cloned=Judged(DIGEST, before),
        tuned=Judged(DIGEST[::-1], after),
        comparison=compare(before, after, "success_held", DIGEST, DIGEST).to_json(),
        gate=gate(),
        progress=progress(),
        wall_clock={"simulation": 231.4, "learning": 48.2, "evaluation": 36.9, "other": 4.1},
        digests={"panel": DIGEST, "judge": DIGEST, "action interface": DIGEST, "demonstrations": DIGEST},
        versions={"regrasp": "0.1.0", "mujoco": "3.17.0", "torch": "2.13.0", "numpy": "2.4.6", "python": "3.11.9"},
        seed=0,
        command="regrasp run curricula/adroit-door.toml --demos adroit-door-human.pickle --out runs/door --seed 0",
        curriculum={"task": "adroit-door", "bc": {"updates": 4000, "batch_size": 256}, "rl": {"lambda_bc": 0.1}},
        definitions={"success": "the door's hinge reached 1.35 rad on at least one control step"},
        units=UNITS,
        style_distance=0.31,
        recovery_window=100,
        repertoire=repertoire(before, after),
        strips=(
            Strip(
                "Recovered: push, case 231",
                "A push of 1.2 N·s breaks the grip; the hand takes the handle again.",
                frames(),
            ),
            Strip("Failed: object friction, case 402", "The latch turns, and the door stays shut.", frames()),
        ),
    )


def stopped() -> RunRecord:
    """A run that ended at the gate."""
    reason = (
        "after 3 rounds of cloning success 0.14 is not above 0.7; more demonstrations, a lower threshold or "
        "force = true would let it go on"
    )
    return replace(
        finished(),
        tuned=None,
        comparison=None,
        gate=gate("continue_bc", success=0.7),
        stopped=reason,
        progress=progress()[:20],
        style_distance=None,
        strips=(),
        repertoire=repertoire(trials(False, 1), ()),
    )


def forced() -> RunRecord:
    """A run that went on although the gate was closed."""
    return replace(finished(), gate=gate("continue_bc", forced=True, success=0.7))


def compared(before: tuple[Trial, ...], after: tuple[Trial, ...]) -> RunRecord:
    """A run with these rows."""
    comparison = compare(before, after, "success_held", DIGEST, DIGEST).to_json()
    return replace(finished(), cloned=Judged("a" * 64, before), tuned=Judged("b" * 64, after), comparison=comparison)
