"""The command `isthmus`: see `gateway.cli`."""

from gateway.cli.app import main

if __name__ == "__main__":
    main()
