"""Policies: normaliser, bodies and heads, checkpoints, and the progress record of every learning loop."""
