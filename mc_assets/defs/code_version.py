"""The engine's numerical version, read without importing the engine, which compiles."""

import ast
from importlib.resources import files

__all__ = ["engine_version"]


def engine_version() -> str:
    """Return `engine.compiled.ENGINE_VERSION`: the code version of what it computes."""
    text = files("engine").joinpath("compiled", "version.py").read_text(encoding="utf-8")
    for node in ast.parse(text).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "ENGINE_VERSION":
            assert node.value is not None
            return str(ast.literal_eval(node.value))
    raise AssertionError("engine/compiled/version.py names no ENGINE_VERSION")
