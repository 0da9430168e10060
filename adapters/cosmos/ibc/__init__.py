"""Setting IBC up between two chains: clients, connections, channels, counterparties; and looking at them.

Beside the adapter border, as deployments of contracts are: nothing of this happens while packets are relayed.
"""
