"""A model's study: its variants, what each reaches, how they compare, and the card that says so.

Nothing here trains: `hwflow.cli.reproduce` runs the steps and hands over their folders.
"""
