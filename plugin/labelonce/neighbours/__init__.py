"""Vectors → pairs of neighbours: exact while that is cheap, by an approximate engine beyond."""

from labelonce.neighbours.pairs import Pairs
from labelonce.neighbours.search import ENGINES, METRICS, NeighbourSearch, link

__all__ = ["ENGINES", "METRICS", "NeighbourSearch", "Pairs", "link"]
