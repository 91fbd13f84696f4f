"""`python -m valetkey`: the command line."""

from __future__ import annotations

from valetkey.cli import main

if __name__ == "__main__":
    main()
