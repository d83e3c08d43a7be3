"""LeRobot's own dataset class, in the owners' environment, offline.

read FOLDER OUT.npz            every frame by LeRobotDataset
write FOLDER OUT.npz           a dataset recorded with it; what was recorded goes to OUT.npz
"""

import inspect
import sys

import numpy as np
from standing_in import without_torchvision_operators

without_torchvision_operators()

from lerobot.datasets.lerobot_dataset import LeRobotDataset

STEPS = (5, 3, 4)
FEATURES = {
    "observation.state": {"dtype": "float32", "shape": (6,), "names": None},
    "observation.touch": {"dtype": "float32", "shape": (2, 3), "names": None},
    "action": {"dtype": "float32", "shape": (4,), "names": None},
    "next.reward": {"dtype": "float32", "shape": (1,), "names": None},
    "next.done": {"dtype": "bool", "shape": (1,), "names": None},
    "slots": {"dtype": "int64", "shape": (2,), "names": None},
}


def read(folder: str, out: str) -> None:
    """All frames, by column, as the class gives them."""
    dataset = LeRobotDataset("local/ours", root=folder)
    frames = [dataset[index] for index in range(len(dataset))]
    names = [name for name in frames[0] if name != "task"]
    arrays = {name: np.stack([frame[name].numpy() for frame in frames]) for name in names}
    np.savez(out, **arrays, task=[frame["task"] for frame in frames], fps=dataset.fps)


def write(folder: str, out: str) -> None:
    """Episodes of random numbers, frame by frame, as a recording does."""
    draw = np.random.default_rng(0)
    dataset = LeRobotDataset.create("local/theirs", fps=20, features=FEATURES, root=folder, use_videos=False)
    task_in_frame = "task" not in inspect.signature(LeRobotDataset.add_frame).parameters
    kept: dict[str, list[np.ndarray]] = {}
    for episode, steps in enumerate(STEPS):
        task = f"turn {episode % 2}"
        for step in range(steps):
            frame = {
                name: draw.normal(size=feature["shape"]).astype(feature["dtype"]) for name, feature in FEATURES.items()
            }
            frame["next.done"] = np.array([step == steps - 1])
            for name, array in frame.items():
                kept.setdefault(name, []).append(array)
            if task_in_frame:
                dataset.add_frame(frame | {"task": task})
            else:
                dataset.add_frame(frame, task)
        dataset.save_episode()
    if hasattr(dataset, "finalize"):
        dataset.finalize()
    # A feature of one number is a scalar in the file.
    np.savez(out, **{name: np.stack(arrays).reshape(-1, *_row(name)) for name, arrays in kept.items()})


def _row(name: str) -> tuple[int, ...]:
    shape = FEATURES[name]["shape"]
    return () if shape == (1,) else shape


if __name__ == "__main__":
    {"read": read, "write": write}[sys.argv[1]](*sys.argv[2:])
