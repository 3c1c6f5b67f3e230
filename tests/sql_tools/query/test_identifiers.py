"""Names in SQL text: what has to be quoted to mean itself."""

import duckdb

from sql_tools.query.identifiers import needs_quotes


def test_every_word_the_engine_takes_for_its_own_is_quoted() -> None:
    connection = duckdb.connect()
    words = [word for (word,) in connection.execute("SELECT keyword_name FROM duckdb_keywords()").fetchall()]
    assert len(words) > 400
    unreadable = []
    for word in words:
        try:
            connection.execute(f"SELECT {word} FROM (SELECT 1 AS x)")
        except duckdb.ParserException:
            unreadable.append(word)
        except duckdb.Error:  # no such column: it was read as a name
            continue
    assert [word for word in unreadable if not needs_quotes(word, "duckdb")] == []


def test_plain_names_stay_bare_and_snowflake_quotes_lower_case() -> None:
    assert not needs_quotes("orders", "duckdb")
    assert needs_quotes("two words", "duckdb")
    assert needs_quotes("orders", "snowflake")
    assert not needs_quotes("ORDERS", "snowflake")
