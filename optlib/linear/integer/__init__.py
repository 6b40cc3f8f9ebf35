"""Integer programs: branch and bound on the warm dual simplex, proved leaf by leaf."""

from .branch_and_bound import BranchAndBound, SearchTrace

__all__ = ["BranchAndBound", "SearchTrace"]
