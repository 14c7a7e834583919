"""``python -m culturewatch``."""

from culturewatch.cli import main

main()
