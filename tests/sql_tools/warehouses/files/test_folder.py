import gzip

import duckdb
import pytest

from sql_tools.errors import WarehouseError


@pytest.fixture
def folder(tmp_path):
    """folder(**{file name: text or bytes}) -> path of a folder holding them."""

    def make(files: dict[str, str | bytes]):
        path = tmp_path / "data"
        path.mkdir()
        for name, content in files.items():
            (path / name).write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make


def rows(warehouse, sql):
    return warehouse.run(sql, max_rows=100, timeout_seconds=20).rows


def test_each_file_is_a_table_named_after_its_stem(folder, opened):
    path = folder(
        {
            "shops.csv": "id,city\n1,Bern\n2,Aarau\n",
            "sales.TSV": "shop\tamount\n1\t2.5\n",
            "packed.csv.gz": gzip.compress(b"a,b\n1,x\n"),
            "readme.txt": "not a table",
            ".hidden.csv": "a\n1\n",
        }
    )
    duckdb.sql("SELECT 7 AS n").write_parquet(str(path / "numbers.parquet"))
    tables = {table.name: table for table in opened(path).tables()}
    assert sorted(tables) == ["numbers", "packed", "sales", "shops"]
    assert [(c.name, c.type) for c in tables["sales"].columns] == [("shop", "BIGINT"), ("amount", "DOUBLE")]
    assert tables["shops"].columns[1].values == ("Aarau", "Bern")


def test_dates_and_numbers_get_their_types(folder, opened):
    (table,) = opened(folder({"t.csv": "day,n,x,flag\n2020-01-02,1,1.5,true\n2021-02-03,2,2.5,false\n"})).tables()
    assert [column.type for column in table.columns] == ["DATE", "BIGINT", "DOUBLE", "BOOLEAN"]


def test_codes_of_digits_stay_text(folder, opened):
    warehouse = opened(folder({"t.csv": "zip,phone,n\n01234,+41441234567,10\n90210,+15551234567,20\n"}))
    assert rows(warehouse, "SELECT zip, phone, n FROM t ORDER BY n") == (
        ("01234", "+41441234567", 10),
        ("90210", "+15551234567", 20),
    )


def test_zero_and_decimals_are_numbers(folder, opened):
    warehouse = opened(folder({"t.csv": "n,x\n0,0.5\n10,-0.25\n"}))
    assert rows(warehouse, "SELECT sum(n), sum(x) FROM t") == ((10, 0.25),)


def test_odd_file_and_column_names_survive(folder, opened):
    warehouse = opened(folder({"it's [a] *file*?.csv": 'select,"two words","q""x"\n1,2,3\n'}))
    (table,) = warehouse.tables()
    assert table.name == "it's [a] *file*?"
    assert [column.name for column in table.columns] == ["select", "two words", 'q"x']


def test_another_encoding_is_read_with_a_note(folder, opened):
    warehouse = opened(folder({"t.csv": "city,n\nZürich,1\nGenève,2\n".encode("latin-1")}))
    assert warehouse.tables()[0].columns[0].values == ("Genève", "Zürich")
    assert "t.csv is not UTF-8" in warehouse.notes[0]


def test_utf_16_is_read(folder, opened):
    assert rows(opened(folder({"t.csv": "city,n\nZürich,1\n".encode("utf-16")})), "FROM t") == (("Zürich", 1),)


def test_a_heading_above_the_table_is_skipped_with_a_note(folder, opened):
    warehouse = opened(folder({"t.csv": "Sales of 2020\n\nshop,amount\n1,2.5\n2,3.5\n3,4.5\n"}))
    assert [column.name for column in warehouse.tables()[0].columns] == ["shop", "amount"]
    assert "lines of t.csv" in warehouse.notes[0]


def test_a_single_file_is_a_warehouse_too(folder, opened):
    assert rows(opened(folder({"t.csv": "a\n1\n"}) / "t.csv"), "SELECT a FROM t") == ((1,),)


def refusal(opened, path) -> str:
    with pytest.raises(WarehouseError) as caught:
        opened(path)
    assert caught.value.hint
    return caught.value.message


@pytest.mark.parametrize("files", [{}, {"notes.txt": "hello"}])
def test_a_folder_without_data_is_refused(folder, opened, files):
    assert "holds no CSV or Parquet files" in refusal(opened, folder(files))


@pytest.mark.parametrize(
    "files",
    [
        {"good.csv": "a\n1\n", "bad.csv": ""},
        {"good.csv": "a\n1\n", "bad.parquet": "this is text"},
        {"good.csv": "a\n1\n", "bad.parquet": b""},
        {"good.csv": "a\n1\n", "bad.csv": "a,b,c\n" + "1,2,3\n" * 50 + "1,2\n" + "1,2,3,4,5\n" * 3},
        {"good.csv": "a\n1\n", "bad.csv": "a,b,c\n1,2,3\n1,2\n1,2,3,4,5\n"},
        {"good.csv": "a\n1\n", "bad.csv": bytes(range(256)) * 50},
        {"good.csv": "a\n1\n", "bad.csv.gz": b"\x1f\x8b broken"},
        {"good.csv": "a\n1\n", "bad.csv.gz": "plain text, not gzip"},
    ],
)
def test_the_bad_file_is_named(folder, opened, files):
    message = refusal(opened, folder(files))
    assert "bad." in message
    assert ".building" not in message


def test_two_files_for_one_table_are_refused(folder, opened):
    message = refusal(opened, folder({"a.csv": "x\n1\n", "A.tsv": "x\n1\n"}))
    assert "would both be table" in message
