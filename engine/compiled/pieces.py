"""Pieces of kernels: functions that only kernels call, optimised where they are merged.

Numba optimises each function by itself and again with every caller that it is merged into, and
makes machine code of it each time. Of an engine of eight levels most of that is done eight times
over. A piece is left as it was written, so that LLVM optimises it once, in the kernel. What comes
out is the same to the bit: no optimisation that this project allows changes a number.
"""

from __future__ import annotations

from typing import Any, Final

import llvmlite.binding
from numba.core import codegen, compiler

__all__ = ["PIECE", "PieceCompiler", "piece_from_cache"]

# Numba has no types.
_Compiler: Any = compiler.Compiler
_CompileResult: Any = compiler.CompileResult
_Library: Any = codegen.JITCodeLibrary

#: How the content of a piece is named among what Numba writes of a library.
PIECE: Final = "piece"


class PieceCompiler(_Compiler):  # type: ignore[misc]
    """Numba's compiler, up to the code that is merged: ``numba.njit(pipeline_class=...)``."""

    def compile_extra(self, func: Any) -> Any:
        """Compile a Python function into a library of its own kind."""
        generator = self.state.targetctx.codegen()
        self.state.library = _PieceLibrary(generator, func.__qualname__)
        return super().compile_extra(func)


def piece_from_cache(target_context: Any, reduced: tuple[Any, ...]) -> Any:
    """Make a piece again of what was written of it.

    Parameters
    ----------
    target_context : numba.core.base.BaseContext
        The target it was compiled for.
    reduced : tuple
        What `CompileResult._reduce` returned; its first item is ``(name, PIECE, bitcode)``.

    Returns
    -------
    numba.core.compiler.CompileResult
        The piece, for kernels to merge.
    """
    (name, _, content), described, environment, signature, _, _, annotation, *_ = reduced
    library = _PieceLibrary(target_context.codegen(), name)
    library._final_module = llvmlite.binding.parse_bitcode(content)
    library._finalize_final_module()
    return _CompileResult(
        target_context=target_context,
        typing_context=target_context.typing_context,
        library=library,
        environment=environment,
        entry_point=target_context.get_executable(library, described, environment),
        fndesc=described,
        type_annotation=annotation,
        signature=signature,
        objectmode=False,
        lifted=(),
        typing_error=None,
        call_helper=None,
        metadata=None,
        reload_init=[],
        referenced_envs=[],
    )


class _PieceLibrary(_Library):  # type: ignore[misc]
    """Code of a function before LLVM's passes over whole modules, and no machine code."""

    @property
    def codegen(self) -> Any:
        return _WithoutEnvironments()

    def get_pointer_to_function(self, name: str) -> int:
        return 0  # as Numba says it of a function that is not there

    def serialize_using_object_code(self) -> tuple[str, str, bytes]:
        return self.name, PIECE, self._get_module_for_linking().as_bitcode()

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._verify_declare_only_symbols()
        self._finalized = True


class _WithoutEnvironments:
    """Stands for the code generator where Numba enters what raising and printing need."""

    def set_env(self, name: str, environment: Any) -> None:
        pass
