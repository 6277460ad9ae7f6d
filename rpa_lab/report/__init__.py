"""The Report model, its writers, and the generator that runs the notebooks."""
