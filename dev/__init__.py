"""The project's own commands: set up what is missing, then run, test and measure.

Each ``bin/NAME`` calls :func:`dev.main.main`, which prepares the environment and hands
over to the module ``dev.NAME``. Everything that is imported before the virtual
environment exists keeps to the standard library.
"""
