"""`python -m grader_service`."""

from grader_service.cli import main

main()
