"""What can go wrong while training or measuring: messages for people."""

from __future__ import annotations


class DataError(Exception):
    """The data can't be had, or is not what it should be."""


class TrainingError(Exception):
    """A run can't start or go on: the message says what to do."""
