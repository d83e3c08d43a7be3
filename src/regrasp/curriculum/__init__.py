"""Curriculum: the file's schema, the gate, and the phases in order, resumable."""
