"""Scenes, batched worlds, physics variation, disturbances, named readings and rendering: the only room that knows the engine."""
