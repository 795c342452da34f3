"""Chat templates as Jinja2 renders them, for the tools that compare echelon with it."""
