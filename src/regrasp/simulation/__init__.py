"""Scenes, batched worlds, physics variation, disturbances, readings, rendering: the only room that knows the engine."""
