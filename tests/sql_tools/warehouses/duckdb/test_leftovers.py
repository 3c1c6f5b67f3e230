import os

from sql_tools.warehouses.duckdb.leftovers import remove_leftovers


def test_only_old_matching_folders_go(tmp_path):
    for name in (".building-old", ".building-new", "other-old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
        if name.endswith("old"):
            os.utime(tmp_path / name, (0, 0))
    remove_leftovers(tmp_path, ".building-*")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".building-new", "other-old"]


def test_a_missing_folder_is_fine(tmp_path):
    remove_leftovers(tmp_path / "none", "*")
