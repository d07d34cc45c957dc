"""Data sets, and training one network from scratch."""
