"""Factorizations and kernels that several families stand on (NumPy, SciPy sparse and Numba)."""
