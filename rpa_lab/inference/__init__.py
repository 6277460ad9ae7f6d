"""How sure a figure is: arrays in, bounds and p-values out. Days are drawn again, since their runs are alike."""
