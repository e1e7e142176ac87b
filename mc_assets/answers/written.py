"""Answers that are written to a file of the caller's choice."""

from __future__ import annotations

from pathlib import Path

__all__ = ["write_answer"]


def write_answer(path: Path, content: str | bytes) -> Path:
    """Write an answer whole or not at all, as `engine.files.write_output` does; text is UTF-8."""
    from engine.files import write_output

    return write_output(path, content.encode() if isinstance(content, str) else content)
