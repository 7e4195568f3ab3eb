"""A network as a picture that a notebook shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cnncalc.render import diagram, svg
from cnncalc.render.drawing import Drawing


@dataclass(frozen=True, repr=False)
class Picture:
    """A drawing with its title, in the forms that it has; a notebook shows it."""

    title: str
    drawing: Drawing

    def svg(self, width: float | None = None) -> str:
        """The drawing as SVG, scaled to a width in pixels if one is given."""
        return svg.svg(self.drawing, self.title, width)

    def mermaid(self) -> str:
        """The drawing as text for Mermaid, which READMEs show."""
        return diagram.mermaid(self.drawing, self.title)

    def dot(self) -> str:
        """The drawing as text for Graphviz."""
        return diagram.dot(self.drawing, self.title)

    def __repr__(self) -> str:
        return f"<graph: {self.title}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """What a notebook shows."""
        return {"image/svg+xml": self.svg(), "text/plain": repr(self)}
