"""The demonstration: two chains, three gateways, a story; counted from the chains' own state."""
