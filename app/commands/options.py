"""The options that several commands share."""

from typing import Annotated

import typer

WarehouseOption = Annotated[
    str | None,
    typer.Option(
        "--warehouse",
        "-w",
        help="demo, a .duckdb or .sqlite file, a folder of CSV/Parquet, snowflake[:CONNECTION].",
        metavar="W",
    ),
]
ModelOption = Annotated[
    str | None,
    typer.Option("--model", "-m", help="local, local-small, a GGUF file, or http://host:port/v1#model.", metavar="M"),
]
SemanticOption = Annotated[
    str | None,
    typer.Option("--semantic", "-s", help="Semantic YAML file; on Snowflake also a semantic view.", metavar="S"),
]
ScanOption = Annotated[
    float | None,
    typer.Option(
        "--allow-scan-gb", min=0, help="Snowflake: consent to a query that reads up to this much.", metavar="GB"
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]
PortOption = Annotated[int | None, typer.Option("--port", "-p", min=1, max=65535, help="Listen here, on loopback.")]
