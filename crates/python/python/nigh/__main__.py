"""The command ``nigh``."""

import signal
import sys

from nigh._nigh import main as run


def main() -> None:
    """Runs the program with the arguments of this process, and exits with its code."""
    # Python's own handler only notes a Ctrl-C for later, and no Python code runs until the end.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(run(["nigh", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
