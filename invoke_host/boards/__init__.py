"""Boards: where images are gathered and shared, with whom, and what everybody may do there."""
