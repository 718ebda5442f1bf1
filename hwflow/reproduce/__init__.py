"""Reproduces the models of `models/`: variants, metrics, cards, hardware fit."""
