"""Crosscheck: is a PyTorch model of collaborative filtering right, and if not, what is wrong?"""
