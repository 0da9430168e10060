"""The status page: plain HTML on the same records as the API, no script, readable on a phone."""
