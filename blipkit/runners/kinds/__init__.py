"""One file for each runner: what compiles and executes a component.

A runner is added by putting its file here; its name in an arm is the file's. What such a file has,
`blipkit/runners/spec.py` says. Nothing lists them by hand.
"""
