"""The program ``mc``: says what is known without a look at anything else, or runs the command."""

from __future__ import annotations

import os
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line, as `mc_assets.cli.main` documents it."""
    from mc_assets.told_before import Question

    question = Question.asked(sys.argv[1:])
    told = None if question is None else question.answer
    if told is not None:
        try:
            sys.stdout.write(told)
            sys.stdout.flush()
        except BrokenPipeError:
            # The rest is not wanted; Python would complain of it at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        return
    from mc_assets.cli import main as command_line

    if question is None:
        command_line()
        return
    with question.listened():
        command_line()
