"""Store: the run folder and its SQLite database of runs, checkpoints, trials and datasets; append-only."""
