"""Measurements of speed; run by `make bench` and `make bench-training`, results in `results/`."""
