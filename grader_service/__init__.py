"""The open server that executes reinforcement-fine-tuning graders."""

__version__ = "0.1.0"
