"""``python -m cdk_processing.cli``."""

from cdk_processing.cli import main

main()
