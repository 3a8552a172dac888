"""Near misses of a reference solution, which must not be paid as right."""

from __future__ import annotations

from tasks.mutation.engine import OPERATORS, Mutation, Operator, Survivor, mutation_of
from tasks.mutation.mutant import Kind, Mutant

__all__ = ["OPERATORS", "Kind", "Mutant", "Mutation", "Operator", "Survivor", "mutation_of"]
