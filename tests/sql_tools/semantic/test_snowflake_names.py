"""The same file where names are Snowflake's: upper case unless quoted; nothing is run."""

import pytest

from sql_tools.models import Column, Context, DraftSQL, Table
from sql_tools.semantic.read import read_text
from sql_tools.semantic.resolve import resolve
from sql_tools.validate import validate

from .conftest import FILE

NUMBERS = tuple(Column(name=name, type="NUMBER") for name in ("NR", "BUYER", "AMOUNT", "CUT", "lower"))
LINES = Table(
    database="TRADE", schema_name="MAIN", name="LINES", in_default_schema=False, in_default_database=False,
    columns=(*NUMBERS, Column(name="STATE", type="VARCHAR"), Column(name="SOLD", type="DATE")),
)  # fmt: skip
OTHER = LINES.model_copy(update={"schema_name": "OLD"})
PARTIES = Table(
    database="TRADE", schema_name="MAIN", name="PARTIES", in_default_schema=False, in_default_database=False,
    columns=(Column(name="CODE", type="NUMBER"), Column(name="TOWN", type="VARCHAR"), Column(name="BOSS", type="VARCHAR")),
)  # fmt: skip
CATALOG = (LINES, PARTIES, OTHER)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("select net_revenue from sales",
         "SELECT SUM(SALES.AMOUNT * (1 - SALES.CUT)) AS NET_REVENUE FROM TRADE.MAIN.LINES AS SALES"),
        ("select s.stage, s.little from sales s where settled",
         'SELECT S.STATE AS STAGE, S."lower" AS LITTLE FROM TRADE.MAIN.LINES AS S WHERE S.STATE = \'done\''),
        ("select c.city, sum(s.net) from sales s join clients c on s.buyer = c.code group by c.city",
         "SELECT C.TOWN AS CITY, SUM(S.AMOUNT * (1 - S.CUT)) FROM TRADE.MAIN.LINES AS S JOIN TRADE.MAIN.PARTIES AS C ON S.BUYER = C.CODE GROUP BY C.TOWN"),
        ("with t as (select net as n from trade.main.lines) select sum(n) as net_revenue from t",
         "WITH T AS (SELECT LINES.AMOUNT * (1 - LINES.CUT) AS N FROM TRADE.MAIN.LINES) SELECT SUM(N) AS NET_REVENUE FROM T"),
    ],
)  # fmt: skip
def test_names_of_the_file_are_bound_in_snowflakes_case(sql: str, expected: str) -> None:
    text = FILE.replace(
        "      - {name: stage,", "      - {name: little, expr: '\"lower\"', data_type: NUMBER}\n      - {name: stage,"
    )
    found = resolve(read_text(text, source="f"), CATALOG, dialect="snowflake", source="f", exact=True)
    assert found.problems == []
    context = Context(dialect="snowflake", tables=CATALOG, catalog=CATALOG, semantics=found.semantics)
    valid = validate(DraftSQL(text=sql, dialect="snowflake"), context)
    assert " ".join(valid.text.split()).replace("( ", "(").replace(" )", ")") == expected
