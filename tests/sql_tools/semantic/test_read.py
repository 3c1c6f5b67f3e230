"""Every way a file can be wrong is told with its line, its place, and what to do."""

from pathlib import Path

import pytest

from sql_tools.errors import SemanticFileError
from sql_tools.semantic.read import read_file, read_text
from sql_tools.semantic_authoring.write import yaml_text

HEAD = "name: x\ntables:\n  - name: t\n    base_table: {table: T}\n"
DOCUMENTED = """
name: everything
description: d
comments: c
tables:
  - name: t
    description: d
    synonyms: [s]
    base_table: {database: D, schema: S, table: T}
    primary_key: {columns: [a]}
    unique_keys: [{columns: [b, c]}]
    dimensions:
      - name: a
        synonyms: [s]
        description: d
        expr: a
        data_type: VARCHAR
        unique: true
        is_enum: true
        sample_values: [x, 1, 2.5, true, 2024-01-01, no]
        labels: [filter]
        cortex_search_service: {service: s, literal_column: c, database: d, schema: s}
        access_modifier: public_access
    time_dimensions: [{name: m, expr: a, data_type: DATE}]
    facts: [{name: f, expr: a, data_type: NUMBER, default_aggregation: sum, access_modifier: private_access}]
    metrics: [{name: s, expr: SUM(f), using_relationships: [r]}]
    filters: [{name: p, synonyms: [q], description: d, expr: a = 'x'}]
  - name: u
    base_table: {definition: SELECT 1 AS a}
relationships:
  - name: r
    left_table: t
    right_table: u
    relationship_columns: [{left_column: a, right_column: a, type: asof}]
    join_type: left_outer
    relationship_type: many_to_one
metrics: [{name: n, expr: t.s / 2}]
verified_queries:
  - {name: v, question: "q?", sql: SELECT 1, verified_at: 1700000000, verified_by: me, use_as_onboarding_question: true}
custom_instructions: i
module_custom_instructions: {sql_generation: g, question_categorization: c}
variables: [{name: v}]
"""


def problem(text: str) -> str:
    with pytest.raises(SemanticFileError) as raised:
        read_text(text, source="f.yaml")
    assert "docs/semantic.md" in raised.value.hint
    return raised.value.message


def test_every_documented_field_is_read_and_written_again() -> None:
    model = read_text(DOCUMENTED, source="f.yaml")
    assert model.tables[0].dimensions[0].sample_values == ("x", "1", "2.5", "true", "2024-01-01", "no")
    assert model.tables[0].base_table.schema_name == "S"
    assert read_text(yaml_text(model), source="f.yaml") == model
    assert "schema: S" in yaml_text(model)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("    measures: []\n", "line 5, tables.t.measures is no field of a semantic file: it is called facts"),
        ("    dimension:\n", "line 5, tables.t.dimension is no field of a semantic file: did you mean dimensions?"),
        ("    facts: [{name: f, expr: a, description: one, two words}]\n", "two words is no field of a semantic file: a text with a comma"),
        ("    dimension: []\n", "line 5, tables.t.dimension is no field of a semantic file: did you mean dimensions?"),
        ("    facts:\n      - name: f\n", "line 6, tables.t.facts.f.expr is missing: give its SQL"),
        ("    facts:\n      - {name: f, expr: 5}\n", "line 6, tables.t.facts.f.expr should be text: put it in quotes, not 5"),
        ("    facts: {name: f}\n", "line 5, tables.t.facts should be a list: begin each item with `- `"),
        ("    facts: [f]\n", "line 5, tables.t.facts.[1] should have fields of its own, not 'f'"),
        ("    dimensions:\n      - {name: a, expr: a, unique: maybe}\n", "tables.t.dimensions.a.unique should be true or false"),
        ("    name: again\n", "line 5: the field 'name' is there twice: keep one"),
        ("    facts:\n      - &f {name: f, expr: a}\n      - *f\n", "references (*name) are not read"),
        ("    facts:\n  - x: [\n", "this is no valid YAML"),
        ("    facts: [{name: F, expr: a}]\n    metrics: [{name: f, expr: SUM(a)}]\n", "line 3, tables.t the name 'f' is there 2 times"),
        ("  - name: T\n    base_table: {table: U}\n", "tables the name 't' is there 2 times"),
        ("  - name: u\n    base_table: {table: U, definition: SELECT 1}\n", "line 6, tables.u.base_table should have either `table`"),
        ("relationships:\n  - {name: r, left_table: t, right_table: z, relationship_columns: [{left_column: a, right_column: b}]}\n",
         "line 6, relationships.r.right_table there is no table 'z' in this file; there are t"),
        ("relationships:\n  - {name: r, left_table: t, right_table: t, relationship_columns: []}\n",
         "relationships.r.relationship_columns is empty: fill it in or leave it out"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_line_and_place(more: str, said: str) -> None:
    assert said in problem(HEAD + more)


def test_all_problems_are_told_at_once_in_the_order_of_lines() -> None:
    said = problem(HEAD + "    facts: [{name: f}]\n    nope: 1\nzzz: 1\n")
    assert [said.index(word) for word in ("facts.f.expr", "tables.t.nope", "zzz")] == sorted(
        said.index(word) for word in ("facts.f.expr", "tables.t.nope", "zzz")
    )


@pytest.mark.parametrize("text", ["", "[1, 2]", "just words", "\t", "name: x\n"])
def test_what_is_no_semantic_file_is_told(text: str) -> None:
    assert "f.yaml" in problem(text)


def test_yes_and_no_are_words_and_only_true_and_false_are_truths() -> None:
    model = read_text(HEAD + "    synonyms: [yes, no, on, 'off']\n", source="f.yaml")
    assert model.tables[0].synonyms == ("yes", "no", "on", "off")


def test_a_file_nested_without_end_is_an_error_not_a_crash() -> None:
    assert "f.yaml" in problem("a: " + "[" * 50_000)


def test_references_cannot_multiply() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"b{n}: &b{n} [*{'a' if n == 0 else f'b{n - 1}'}, *a]\n" for n in range(30))
    assert "references" in problem(bomb)


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9\n")
    (tmp_path / "big.yaml").write_bytes(b"#" * 5_000_000)
    for name, said in (
        ("none.yaml", "No such file"),
        ("latin.yaml", "not UTF-8"),
        ("big.yaml", "larger than 4 MB"),
        (".", "directory"),
    ):
        with pytest.raises(SemanticFileError, match=said):
            read_file(tmp_path / name)
