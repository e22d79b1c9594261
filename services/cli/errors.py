"""How commands end when they can't do what was asked: exit codes, and one sentence each."""

OK, FAILED, SOMETHING_TO_DO, NEEDS_PERSON, USAGE, INTERRUPTED = 0, 1, 2, 3, 64, 130


class Usage(Exception):  # noqa: N818 - named for its exit code
    """The command line asks for something that makes no sense; exit code 64."""
