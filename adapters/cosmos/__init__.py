"""Cosmos chains with IBC: any that run ibc-go over CometBFT, without contracts or modules of ours on them.

Importing this costs next to nothing: what needs the network or protobuf is imported when a chain is built.
"""
