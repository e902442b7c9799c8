"""One file for each runner: what compiles and executes a component. `blipkit/runners/spec.py` says what such a file has."""
