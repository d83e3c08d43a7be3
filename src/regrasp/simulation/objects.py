"""Many objects in one batch: the scene is compiled once per object, and what differs is written per world.

All models of a pool have the same layout, so that only fields differ which the engine can hold per world. Scenes with
several objects switch the engine's midphase off: its trees of bounding volumes cannot differ between worlds, and bodies
of a few geoms gain nothing from them.
"""

import copy
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

import mujoco
import mujoco.batch
import numpy as np
from numpy.typing import NDArray

from regrasp.errors import InputError

_IGNORED = ("bvh_aabb", "body_bvhnum", "body_bvhadr")
"""The midphase's own fields; it is off wherever they differ."""


@dataclass(frozen=True)
class ObjectPool:
    """The objects of one scene.

    Attributes:
        names: of the K objects; a world refers to one by its place in this order.
        tables: model field → (K, …), for every field in which the objects' models differ.
    """

    names: tuple[str, ...]
    tables: Mapping[str, NDArray[np.generic]]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of names and tables."""
        content = hashlib.sha256("\n".join(self.names).encode())
        for name in sorted(self.tables):
            content.update(name.encode())
            content.update(np.ascontiguousarray(self.tables[name]).tobytes())
        return content.hexdigest()

    def index(self, name: str) -> int:
        """Place of an object.

        Raises:
            InputError: there is none of that name.
        """
        if name not in self.names:
            raise InputError("object", "", repr(name), "the name of an object of the task", self.names)
        return self.names.index(name)

    def model_of(self, model: mujoco.MjModel, name: str) -> mujoco.MjModel:
        """A copy of `model` that holds the named object."""
        own = copy.copy(model)
        for field, table in self.tables.items():
            getattr(own, field)[:] = table[self.index(name)]
        return own


def compile_objects(specs: Mapping[str, mujoco.MjSpec]) -> tuple[str, mujoco.MjModel, ObjectPool]:
    """Compile one scene with each of its objects.

    Args:
        specs: object → the scene with it.

    Returns:
        MJCF text and model of the first, and the pool of all.
    """
    models = {name: spec.compile() for name, spec in specs.items()}
    first = next(iter(specs))
    return specs[first].to_xml(), models[first], pool_objects(models)


def pool_objects(models: Mapping[str, mujoco.MjModel]) -> ObjectPool:
    """The objects of models that were compiled from one scene with one object each; the first is the scene's own.

    Raises:
        ValueError: two models have another layout, or differ in something that a batch cannot hold per world.
    """
    first, tables = next(iter(models.values())), {}
    for name in sorted(field for field in mujoco.batch.MODEL_FIELDS if "." not in field):
        values = [np.asarray(getattr(model, name)) for model in models.values() if hasattr(first, name)]
        if name in _IGNORED or not values:
            continue
        if any(value.shape != values[0].shape for value in values):
            raise ValueError(f"the objects' models have different shapes of {name}")
        if any(not np.array_equal(value, values[0]) for value in values):
            tables[name] = np.stack(values)
    _require_same_rest(models)
    _require_no_midphase(first, len(models))
    return ObjectPool(tuple(models), tables)


def _require_same_rest(models: Mapping[str, mujoco.MjModel]) -> None:
    first = next(iter(models.values()))
    arrays = {name for name in dir(first) if isinstance(getattr(first, name), np.ndarray)} - mujoco.batch.MODEL_FIELDS
    options = {name for name in mujoco.batch.MODEL_FIELDS if "." in name}
    for name in sorted(options | {name for name in arrays if "bvh" not in name and not name.startswith("_")}):
        values = [np.asarray(attrgetter(name)(model)) for model in models.values()]
        if any(not np.array_equal(value, values[0]) for value in values):
            raise ValueError(f"the objects' models have different {name}, which is one for all worlds")


def _require_no_midphase(model: mujoco.MjModel, count: int) -> None:
    if count > 1 and not model.opt.disableflags & int(mujoco.mjtDisableBit.mjDSBL_MIDPHASE):
        raise ValueError("a scene with several objects needs the midphase switched off")
