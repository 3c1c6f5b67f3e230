"""What the chat works on: the warehouse and model in use, and the tables with their columns."""

from collections.abc import Callable

import pandas as pd
import streamlit as st

from app.chat.plain import plain
from app.chat.turn import Desk
from sql_tools.models import Column, Table
from sql_tools.settings import Settings


def render_sidebar(settings: Settings, desk: Desk | None, on_new_chat: Callable[[], None]) -> None:
    """Name, New chat, what is in use, and a browser of tables once they are open."""
    with st.sidebar:
        st.markdown("**Arctic Copilot**")
        st.button("New chat", icon=":material/add:", on_click=on_new_chat, width="stretch")
        in_use = {"Warehouse": settings.warehouse, "Model": settings.model, "Semantic file": settings.semantic}
        for title, name in in_use.items():
            if not name:
                continue
            with st.container(gap=None):
                st.caption(title)
                st.text(name)
        for note in desk.warehouse.notes if desk else ():
            st.caption(f":material/info: {plain(note)}")
        if desk and desk.tables:
            _render_tables(desk.tables)


def _render_tables(tables: tuple[Table, ...]) -> None:
    names = {".".join(table.path): table for table in tables}
    chosen = st.selectbox(f"Tables ({len(names)})", list(names), key="table")
    if chosen not in names:
        return
    table = names[chosen]
    rows = "" if table.row_count is None else f"{table.row_count:,} rows. "
    st.caption(plain(rows + table.comment))
    st.dataframe(_columns_frame(table), hide_index=True, key="columns", alt=f"Columns of {chosen}")


def _columns_frame(table: Table) -> pd.DataFrame:
    rows = [(column.name, column.type, _remark(table, column)) for column in table.columns]
    return pd.DataFrame(rows, columns=["Column", "Type", "Remark"])


def _remark(table: Table, column: Column) -> str:
    targets = [key.target_table for key in table.foreign_keys if column.name in key.columns]
    parts = [*(["primary key"] if column.name in table.primary_key else []), *(f"refers to {name}" for name in targets)]
    return "; ".join([*parts, *([column.comment] if column.comment else [])])
