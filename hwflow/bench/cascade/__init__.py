"""What ``hwflow bench cascade`` measures: the controller around stages that answer as told.

``rigs`` names controllers, ``rig`` compiles and runs them under random traffic, ``check`` compares
a run with the numpy model; ``speed``, ``area`` and ``mutation`` measure; ``sections`` reports.
"""
