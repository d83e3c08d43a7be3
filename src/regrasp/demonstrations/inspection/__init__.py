"""Are demonstrations good enough? What is measured of them, and what follows from it for cloning and for RL."""
