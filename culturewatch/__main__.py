"""``python -m culturewatch``."""

from culturewatch.begin import main

main()
