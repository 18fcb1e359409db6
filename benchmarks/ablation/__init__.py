"""The ablation: a recipe, and the same recipe with one technique added or removed."""
