"""Names as DuckDB reads them back unchanged, whatever is in them."""


def quote(name: str) -> str:
    """One name in double quotes.

    >>> print(quote('the "old" table'))
    "the ""old"" table"
    """
    return '"' + name.replace('"', '""') + '"'


def quote_path(*parts: str) -> str:
    """Names joined by dots, each quoted."""
    return ".".join(quote(part) for part in parts)
