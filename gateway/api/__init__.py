"""The HTTP surface: `/v1`, health, metrics and the status page, on one aiohttp application."""
