"""Attacks a grader as the model that is trained against it would, before it does."""
