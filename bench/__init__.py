"""Benchmarks: each prints one JSON line with ratios against a peer measured in the same run, in interleaved rounds."""
