"""Faults that can be planted in a fleet: each with an onset, a size and a scope, and each leaving all else as it was.

``SlowStep(workflow_id="payroll", node_id="run payroll", onset_day=20, factor=1.8)`` makes that step of each run that
starts on the fleet's twenty-first day or later take 1.8 times as long; the same seed without it gives the same rows but
for these durations and the times within the run that follow from them.
"""
