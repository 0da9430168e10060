"""The command line. Every command lives in a module of its own, imported when it runs and not before.

Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 failed, 2 usage or
configuration, 3 unhealthy, 4 pending or timed out.
"""
