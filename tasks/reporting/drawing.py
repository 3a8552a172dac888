"""Graphs as SVG: boxes in layers and arrows between them. For tables and their references, and for tools and what feeds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

import networkx as nx

from artifacts.picture import Picture

WIDTH, GAP_X, GAP_Y, LINE, PADDING = 190, 46, 22, 15, 8


_TIP = (
    '<marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z"/></marker>'
)


class Box(NamedTuple):
    """A node: its heading, the lines below it, and a class for its colour."""

    title: str
    lines: tuple[str, ...] = ()
    colour: str = "plain"

    @property
    def height(self) -> int:
        """In pixels."""
        return LINE * (len(self.lines) + 1) + 2 * PADDING


def svg(boxes: Mapping[str, Box], arrows: Sequence[tuple[str, str]]) -> str:
    """An SVG of boxes in layers, arrows from left to right where the graph allows it; the same every time."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(boxes)
    graph.add_edges_from(dict.fromkeys((tail, head) for tail, head in arrows if tail != head))
    places = _places(boxes, graph)
    width = max((x for x, _ in places.values()), default=0) + WIDTH + 4
    height = max((y + boxes[name].height for name, (_, y) in places.items()), default=0) + 4
    parts = [_arrow(places, boxes, tail, head) for tail, head in graph.edges] + [_box(places[name], box) for name, box in boxes.items()]
    body = f"<defs>{_TIP}</defs>{''.join(parts)}"
    return f'<svg class="graph" viewBox="0 0 {width} {height}" style="min-width:{min(width, 900)}px">{body}</svg>'


_ALONE = """svg{font:11px system-ui,sans-serif;fill:#26323f;background:#fff}rect{fill:#f5f8fa;stroke:#9fb3c0}
.title{font-weight:600}.arrow{fill:none;stroke:#8aa0ae;stroke-width:1.2;marker-end:url(#tip)}#tip path{fill:#8aa0ae}"""


def alone(picture: Picture) -> str:
    """A picture as an SVG file of its own."""
    boxes = {name: Box(kind or text, (text,) if kind else ()) for name, (kind, text) in picture.boxes.items()}
    drawing = svg(boxes, picture.arrows)
    return drawing.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace("<defs>", f"<style>{_ALONE}</style><defs>", 1)


def _places(boxes: Mapping[str, Box], graph: nx.DiGraph[str]) -> dict[str, tuple[int, int]]:
    places: dict[str, tuple[int, int]] = {}
    for column, names in enumerate(_layers(graph)):
        y = 2
        for name in names:
            places[name] = (2 + column * (WIDTH + GAP_X), y)
            y += boxes[name].height + GAP_Y
    return places


def _layers(graph: nx.DiGraph[str]) -> list[list[str]]:
    """Nodes by the longest way that leads to them, circles cut; a layer is ordered by where its neighbours stand, and a long one split."""
    acyclic = graph.copy()
    while True:
        try:
            acyclic.remove_edge(*nx.find_cycle(acyclic)[-1][:2])
        except nx.NetworkXNoCycle:
            break
    layers = [sorted(layer) for layer in nx.topological_generations(acyclic)]
    order = {name: n for layer in layers for n, name in enumerate(layer)}
    for layer in layers[1:]:
        layer.sort(key=lambda name: (sum(order[p] for p in acyclic.predecessors(name)) / max(1, acyclic.in_degree(name)), name))
        order |= {name: n for n, name in enumerate(layer)}
    return [chunk for layer in layers for chunk in _chunks(layer, 14)]


def _chunks(names: list[str], size: int) -> list[list[str]]:
    return [names[start : start + size] for start in range(0, len(names), size)]


def _arrow(places: Mapping[str, tuple[int, int]], boxes: Mapping[str, Box], tail: str, head: str) -> str:
    (x1, y1), (x2, y2) = places[tail], places[head]
    start, end = (x1 + WIDTH, y1 + boxes[tail].height // 2), (x2, y2 + boxes[head].height // 2)
    if x2 <= x1:
        start, end = (x1, start[1]), (x2 + WIDTH, end[1])
    bend = (end[0] - start[0]) // 2
    return f'<path class="arrow" d="M{start[0]} {start[1]}C{start[0] + bend} {start[1]} {end[0] - bend} {end[1]} {end[0]} {end[1]}"/>'


def _box(place: tuple[int, int], box: Box) -> str:
    x, y = place
    lines = "".join(
        f'<text x="{x + PADDING}" y="{y + PADDING + LINE * (n + 2) - 4}">{escape(_fitted(line))}</text>' for n, line in enumerate(box.lines)
    )
    head = f'<text class="title" x="{x + PADDING}" y="{y + PADDING + LINE - 4}">{escape(_fitted(box.title))}</text>'
    return f'<g class="{box.colour}"><rect x="{x}" y="{y}" width="{WIDTH}" height="{box.height}" rx="6"/>{head}{lines}</g>'


def _fitted(text: str) -> str:
    return text if len(text) <= 28 else text[:27] + "…"
