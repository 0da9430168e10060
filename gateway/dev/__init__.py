"""Local development: two chains and three gateways on this machine, started and stopped by one command."""
