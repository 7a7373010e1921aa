"""Workflows: what clients store of their graphs, private until published."""
