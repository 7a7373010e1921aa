"""Graphs of InvokeAI clients, read as what they ask for: text-to-image graphs of its user interface become requests.

Nothing is run node by node, and nothing is left out silently: a node, edge or value that this host has no way to
honour is a problem with its place and what to do instead.
"""
