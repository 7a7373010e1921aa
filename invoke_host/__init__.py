"""Invoke Host: a multi-user image-generation server. Plugin authors import `invoke_host.api`, nothing else."""

__version__ = "0.1.0"
