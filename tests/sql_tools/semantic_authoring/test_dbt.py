"""dbt's files in all the shapes dbt has had, into the semantic file."""

import json
from pathlib import Path

import pytest

from sql_tools.errors import SemanticFileError
from sql_tools.semantic.model import SemanticModel
from sql_tools.semantic_authoring.dbt import import_dbt
from sql_tools.semantic_authoring.dbt_files import read_dbt
from sql_tools.semantic_authoring.draft import draft
from sql_tools.warehouses import Warehouse

SCHEMA = """
version: 2
models:
  - name: lines
    description: What was sold, says dbt
    {tests}: [{{dbt_utils.unique_combination_of_columns: {{combination_of_columns: [nr, buyer]}}}}]
    columns:
      - name: nr
        {tests}: [unique, not_null]
      - name: buyer
        description: "{{{{ doc('buyer') }}}}"
        {tests}:
          - relationships: {args_open}to: ref('parties'), field: code{args_close}
      - name: state
        description: state of the deal
        {tests}:
          - accepted_values: {args_open}values: [open, done, 7]{args_close}
          - unique: {{config: {{where: "nr > 1"}}}}
sources:
  - name: raw
    tables:
      - name: wages
        columns: [{{name: boss, {tests}: [not_null, unique]}}]
  - name: other
    tables: [{{name: ghosts}}]
"""


@pytest.fixture
def drafted(bare: Warehouse) -> SemanticModel:
    return draft(bare.tables(), name="trade", dialect="duckdb")


def table(model: SemanticModel, name: str) -> object:
    return next(one for one in model.tables if one.name == name)


def expect_all(model: SemanticModel) -> None:
    lines = next(one for one in model.tables if one.name == "lines")
    state = next(one for one in lines.dimensions if one.name == "state")
    assert lines.description == "What was sold, says dbt"
    assert (state.description, state.is_enum, state.sample_values) == ("state of the deal", True, ("open", "done", "7"))
    assert lines.primary_key is not None
    assert lines.primary_key.columns == ("nr",)
    found = next(one for one in model.relationships if one.left_table == "lines")
    assert (found.right_table, found.relationship_columns[0].left_column) == ("parties", "buyer")
    assert found.relationship_columns[0].right_column == "code"


@pytest.mark.parametrize("tests", ["tests", "data_tests"])
@pytest.mark.parametrize(("args_open", "args_close"), [("{", "}"), ("{arguments: {", "}}")])
def test_schema_yml_in_its_old_and_new_forms(
    drafted: SemanticModel, tmp_path: Path, tests: str, args_open: str, args_close: str
) -> None:
    path = tmp_path / "schema.yml"
    path.write_text(SCHEMA.format(tests=tests, args_open=args_open, args_close=args_close))
    model, strange = import_dbt(drafted, read_dbt(path), keep=False)
    expect_all(model)
    assert strange == ("ghosts",)
    lines = next(one for one in model.tables if one.name == "lines")
    assert [key.columns for key in lines.unique_keys] == [("nr", "buyer")]
    assert next(one for one in lines.dimensions if one.name == "buyer").description == ""  # Jinja is no text
    wages = next(one for one in model.tables if one.name == "wages")
    assert wages.primary_key is not None


def test_a_test_may_be_named_apart_from_its_kind(drafted: SemanticModel, tmp_path: Path) -> None:
    path = tmp_path / "schema.yml"
    path.write_text(
        "models:\n  - name: lines\n    columns:\n      - name: buyer\n        data_tests:\n"
        "          - {name: a, test_name: relationships, arguments: {to: \"ref('p', 'parties')\", field: code}}\n"
    )
    model, _ = import_dbt(drafted, read_dbt(path), keep=False)
    assert [one.right_table for one in model.relationships if one.left_table == "lines"] == ["parties"]


def test_a_manifest_is_read_with_aliases(drafted: SemanticModel, tmp_path: Path) -> None:
    def test_node(name: str, column: str, **kwargs: object) -> dict[str, object]:
        return {
            "resource_type": "test", "attached_node": "model.p.l", "column_name": column, "config": {},
            "depends_on": {"nodes": ["model.p.l", "model.p.stg_parties"]},
            "test_metadata": {"name": name, "kwargs": {"column_name": column, **kwargs}},
        }  # fmt: skip

    manifest = {
        "nodes": {
            "model.p.l": {
                "resource_type": "model", "name": "l", "alias": "lines", "description": "What was sold, says dbt",
                "columns": {"state": {"name": "state", "description": "state of the deal"}},
            },
            "model.p.stg_parties": {"resource_type": "model", "name": "stg_parties", "alias": "parties", "columns": {}},
            "test.1": test_node("unique", "nr"),
            "test.2": test_node("not_null", "nr"),
            "test.3": test_node("accepted_values", "state", values=["open", "done", 7]),
            "test.4": test_node("relationships", "buyer", to="ref('stg_parties')", field="code"),
            "test.5": {"resource_type": "test", "attached_node": None},
        },
        "sources": {"source.p.raw.wages": {"resource_type": "source", "name": "w", "identifier": "wages", "columns": {}}},
    }  # fmt: skip
    path = tmp_path / "manifest.json"
    path.write_text(json.dumps(manifest))
    model, strange = import_dbt(drafted, read_dbt(path), keep=False)
    expect_all(model)
    assert strange == ()


def test_what_a_person_wrote_stays_where_it_is_to_be_kept(drafted: SemanticModel, tmp_path: Path) -> None:
    path = tmp_path / "schema.yml"
    path.write_text("models: [{name: lines, description: dbt's}]")
    mine = drafted.model_copy(
        update={"tables": tuple(t.model_copy(update={"description": "mine"}) for t in drafted.tables)}
    )
    for keep, told in ((True, "mine"), (False, "dbt's")):
        model, _ = import_dbt(mine, read_dbt(path), keep=keep)
        assert next(one.description for one in model.tables if one.name == "lines") == told


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("manifest.json", "{", "is no JSON"),
        ("manifest.json", "[]", "is no dbt file"),
        ("schema.yml", "models: []", "holds no models"),
        ("schema.yml", "models: {{ x }}", "line 1"),
        ("schema.yml", "models:\n  - name: a\n    description: {{ doc('a') }}", "line 3"),
    ],
)
def test_what_is_no_dbt_file_is_told(tmp_path: Path, name: str, text: str, said: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(SemanticFileError, match=said):
        read_dbt(tmp_path / name)
    with pytest.raises(SemanticFileError, match="No such file"):
        read_dbt(tmp_path / "none.json")
