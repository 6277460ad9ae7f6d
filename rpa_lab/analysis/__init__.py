"""Frames in, results out: performance, reliability, what changed and why."""
