"""Numpy-only model of the cascade: margin, calibration, controller, cost."""
