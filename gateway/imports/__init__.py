"""Configurations of others, read and written again as ours. What cannot be carried over is always named."""
