"""Checks of the record itself: names, scene, action interface, objects, and the judge's numbers."""

import math
import re
from collections.abc import Iterable, Iterator

import mujoco

from regrasp.judges.judge import PRIMARIES, Judge
from regrasp.simulation.scene import CONTACT_COLUMNS, Scene
from regrasp.tasks.contract.finding import complaint
from regrasp.tasks.task import Task

TASK_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
TERM_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
MOST_REGIONS = 8
"""A contact mode is one byte."""
_ABSOLUTE = re.compile(r'\w*(?:dir|file)="(?:/|\\|[A-Za-z]:)[^"]*"')


def names(task: Task) -> Iterator[str]:
    """The task's own name, its description, and the names of all its parts."""
    if not TASK_NAME.fullmatch(task.name):
        yield complaint(f"the name {task.name!r}", "words of a-z and 0-9 joined by hyphens", "rename the task")
    if not task.description.strip().endswith("."):
        yield complaint(f"the description {task.description!r}", "one sentence", "say what is to be done")
    kinds: dict[str, Iterable[str]] = {
        "reward term": task.rewards,
        "observation group": task.observations,
        "contact region": task.regions,
        "violation": {**task.judge.violations, **task.judge.lasting},
        "impossible thing": task.judge.impossible,
    }
    for kind, own in kinds.items():
        for name in own:
            if not TERM_NAME.fullmatch(name):
                yield complaint(f"the {kind} {name!r}", "words of a-z and 0-9 joined by underscores", "rename it")
    both = {*task.judge.violations, *task.judge.lasting} & set(task.judge.impossible)
    if both:
        yield complaint(f"{', '.join(sorted(both))} as violation and as impossible", "one of the two", "choose one")


def scene(task: Task) -> Iterator[str]:
    """What the scene names exists in its model, and the stored state is all the state there is."""
    own, model = task.scene, task.scene.model
    if model.na:
        mend = "set the actuators' dyntype to mjDYN_NONE, or drive the joints by other actuators"
        yield complaint(f"{model.na} actuators with an activation of their own", "none, as states hold no such", mend)
    if not math.isclose(own.control_period * task.interface.rate, 1.0, rel_tol=1e-9):
        found = f"{own.substeps} substeps of {float(model.opt.timestep):g} s"
        yield complaint(found, f"one period of {task.interface.rate:g} Hz", "change substeps, timestep or rate")
    if len(own.links) > MOST_REGIONS or not own.links:
        yield complaint(f"{len(own.links)} contact regions", f"1 to {MOST_REGIONS}", "join some of them in `links`")
    for field in ("hand_geoms", "object_geoms", "object_bodies"):
        if not getattr(own, field):
            yield complaint(f"an empty {field}", "at least one", "name what the slip and mass disturbances change")
    absolute = _ABSOLUTE.findall(own.description)
    if absolute:
        mend = "replace that place by nothing in what `to_xml` returns"
        yield complaint(f"{absolute[0]} in the description", "no place of this machine, as it is in the digest", mend)
    yield from _missing(own)
    yield from _sensors(own)
    if task.make_scene().digest != own.digest:
        yield complaint("another digest when the scene is made again", "the same", "draw nothing in `make_scene`")


def _missing(own: Scene) -> Iterator[str]:
    links = [link for bodies in own.links.values() for link in bodies]
    bodies = {*links, own.object_body, own.pushed_body, *own.object_bodies, *([own.fixture] if own.fixture else [])}
    for kind, wanted, known in (
        ("body", bodies, mujoco.mjtObj.mjOBJ_BODY),
        ("joint", set(own.object_joints), mujoco.mjtObj.mjOBJ_JOINT),
        ("actuator", set(own.released), mujoco.mjtObj.mjOBJ_ACTUATOR),
    ):
        for name in sorted(wanted):
            if mujoco.mj_name2id(own.model, int(known), name) < 0:
                yield complaint(f"no {kind} {name!r} in the model", "one", "name it as the model does")
    if own.fixture and int(own.model.body(own.fixture).mocapid[0]) < 0:
        yield complaint(f"the fixture {own.fixture!r}, which is fixed", "a mocap body", "add it with `mocap=True`")


def _sensors(own: Scene) -> Iterator[str]:
    links = [link for bodies in own.links.values() for link in bodies]
    wanted = [(f"contact_{link}", CONTACT_COLUMNS.size) for link in links]
    found = [(field.name, field.size) for field in own.sensors if field.name.startswith("contact_")]
    if found != wanted:
        shown = ", ".join(name for name, _ in found) or "none"
        mend = "call `add_contact_sensors` once, with the links in the order of `links`"
        yield complaint(f"the contact sensors {shown}", "one of 8 columns per link, in the order of `links`", mend)


def interface(task: Task) -> Iterator[str]:
    """As many actions as actuators, limits that make a range, a rest action inside it."""
    own, actuators = task.interface, int(task.scene.model.nu)
    size = own.fields.size
    if not size == len(own.low) == len(own.high) == actuators:
        found = f"{size} action columns with {len(own.low)} and {len(own.high)} limits"
        yield complaint(found, f"{actuators}, one per actuator", "give every actuator a field, a low and a high")
    limits = enumerate(zip(own.low, own.high, strict=False))
    bad = [column for column, (low, high) in limits if not -math.inf < low < high < math.inf]
    if bad:
        mend = "give the actuators a ctrlrange"
        yield complaint(f"limits that are no range in columns {bad}", "finite numbers, low < high", mend)
    if len(task.rest) != size or not all(-1.0 <= value <= 1.0 for value in task.rest):
        outside = [round(value, 3) for value in task.rest if not -1.0 <= value <= 1.0]
        found = f"a rest action of {len(task.rest)} values, {outside or 'none'} of them outside [-1, 1]"
        yield complaint(found, f"{size} values in [-1, 1]", "scale the rest posture as the interface does")
    if own.digest != own.digest:
        yield complaint("another digest at every look", "the same", "put plain numbers into the interface")


def objects(task: Task) -> Iterator[str]:
    """`held_out` names objects of the scene and leaves some to train on."""
    unknown = [name for name in task.held_out if name not in task.objects]
    if unknown:
        known = f"names of the scene's objects ({', '.join(task.objects)})"
        yield complaint(f"{', '.join(map(repr, unknown))} in held_out", known, "name them as the pool does")
    if len(set(task.held_out)) != len(task.held_out) or len(set(task.objects)) != len(task.objects):
        yield complaint("a name twice", "every object once", "remove it from `held_out` or rename it in the pool")
    if not len(task.split("train")):
        yield complaint("no object to train on", "at least one", "take one out of `held_out`")
    elif task.objects[0] in task.held_out:
        mend = "put a training object first into the pool, as states without a name are the first object's"
        yield complaint(f"the first object {task.objects[0]!r} in held_out", "a training object", mend)


def judge(task: Task) -> Iterator[str]:
    """The judge's numbers fit together."""
    own = task.judge
    if own.primary not in PRIMARIES:
        yield complaint(f"the primary {own.primary!r}", f"one of {', '.join(PRIMARIES)}", "choose one")
    if own.stable_steps < 1 or own.held_steps < 1:
        found = f"stable_steps {own.stable_steps} and held_steps {own.held_steps}"
        yield complaint(found, "at least 1 each", "say how long contact and success must last")
    if own.recovery_window < own.stable_steps:
        found = f"recovery_window {own.recovery_window}"
        yield complaint(found, f"at least stable_steps ({own.stable_steps})", "give a recovery time to be seen in")
    if task.horizon <= own.held_steps:
        mend = "lengthen the trial or ask for less"
        yield complaint(f"a horizon of {task.horizon}", f"more than held_steps ({own.held_steps})", mend)
    if not 0.0 < own.fastest < math.inf:
        yield complaint(f"fastest {own.fastest}", "a finite speed above 0", "say how fast the object can honestly move")
    again = Judge(**{name: getattr(own, name) for name in Judge.__dataclass_fields__})
    if again.digest != own.digest:
        yield complaint("another digest when asked again", "the same", "keep the judge's file as it was loaded")
