"""Shows, at the end of a run, how many cases of which third-party vectors were judged."""

import pytest

from tests.support.vectors import COUNTED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the lines that suites left with `counted`."""
    if COUNTED:
        terminalreporter.section("cases of proof vectors")
        for line in COUNTED:
            terminalreporter.write_line(line)
