"""Fine-tuning a cloned policy by reinforcement learning under disturbances."""
