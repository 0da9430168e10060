"""Keys: encrypted keystore, signers, attestor keys derived per lane, hashed API keys."""
