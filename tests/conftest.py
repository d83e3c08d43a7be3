"""Settings of every test: one thread, rendering without a screen, and no failures that depend on the machine's load."""

import os

os.environ.setdefault("MUJOCO_GL", "egl")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("regrasp", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("regrasp")
