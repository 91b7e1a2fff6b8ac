"""Crosscheck: hold a PyTorch model of collaborative filtering against the formulas."""
