"""Exercises: a task with numbers of its own, a check that names the mistake, three hints."""
