"""Imitation: one cloning loop for every policy."""
