"""Comparing echelon with PyTorch and numpy: the parts of Tools/compare."""
