"""A picture that shows itself in a notebook and can be saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engine.errors import Refusal
from engine.files import write_output
from engine.plots.page import page, section

__all__ = ["FORMATS", "Chart"]

#: What a chart can be saved as, by the ending of the file's name.
FORMATS: Final = ("html", "png", "svg", "pdf")

_HINT: Final = "`uv pip install 'mc-lab[plots]'` brings kaleido, which needs a Chrome or Chromium"


@dataclass(frozen=True, eq=False)
class Chart:
    """A Plotly figure with a title.

    Parameters
    ----------
    title : str
        What it shows.
    figure : plotly.graph_objects.Figure
        The figure.
    note : str
        A sentence below it.
    id : str
        Name of its element on a page.
    """

    title: str
    figure: Any
    note: str = ""
    id: str = ""

    def save(self, path: str | Path) -> Path:
        """Write the chart as HTML, PNG, SVG or PDF, by the ending of the file's name.

        A page of HTML needs no network. Still pictures are on white.

        Raises
        ------
        Refusal
            If the ending is another, or the extra ``plots`` or a Chrome is missing.
        """
        target = Path(path)
        kind = target.suffix.removeprefix(".").lower()
        if kind not in FORMATS:
            raise Refusal("output", repr(target.name), f"a name that ends in {', '.join(FORMATS)}")
        content = self.to_html().encode() if kind == "html" else self._still(kind)
        return write_output(target, content)

    def to_html(self) -> str:
        """Return a page with this chart alone."""
        return page(self.title, section("", self))

    def _repr_mimebundle_(self, *arguments: Any, **options: Any) -> Any:
        shown: Callable[..., Any] = self.figure._repr_mimebundle_
        return shown(*arguments, **options)

    def _still(self, kind: str) -> bytes:
        still = type(self.figure)(self.figure)
        height = (still.layout.height or 430) + 40
        # A menu cannot be opened there: what it shows first is what the picture is of.
        shown = "".join(f": {menu.buttons[0].label}" for menu in still.layout.updatemenus)
        still.update_layout(
            paper_bgcolor="white",
            plot_bgcolor="white",
            title={"text": f"{self.title}{shown}", "y": 0.97, "yanchor": "top", "font.size": 17},
            margin={"t": 84},
            width=1000,
            height=height,
            updatemenus=[],
        )
        try:
            image: bytes = still.to_image(format=kind, scale=2 if kind == "png" else 1)
        except (ImportError, ValueError, RuntimeError) as error:
            missing = "kaleido" in str(error).lower() or "chrome" in str(error).lower()
            if not missing and not isinstance(error, ImportError):
                raise
            raise Refusal("output", f"cannot draw {kind} here", hint=_HINT) from None
        return image
