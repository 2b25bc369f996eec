"""``python -m mpsim`` is ``mpsim``."""

from mpsim.cli import main

if __name__ == "__main__":
    main()
