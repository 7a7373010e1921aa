"""Decoding pictures that people send: in a process of its own, because decoders have bugs and cost time."""
