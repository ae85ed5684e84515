"""Benchmarks: a peer and a limit beside us, in one run. `python -m benchmarks NAME`."""
