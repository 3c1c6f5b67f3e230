"""The demo: three real questions, one the data cannot answer, and one that would change it."""

from dataclasses import dataclass

from langchain_core.language_models import BaseChatModel

from app.terminal import views
from app.terminal.console import Terminal
from sql_tools.copilot import ask
from sql_tools.models import Answer, Status
from sql_tools.settings import Settings
from sql_tools.warehouses import Warehouse


@dataclass(frozen=True)
class Act:
    """One question of the demo, and how it must end."""

    title: str
    question: str
    status: Status


ACTS = (
    Act("A question about the data", "How many customers are there in Germany?", "answered"),
    Act("Another", "What is the average account balance of customers in each market segment?", "answered"),
    Act("A ranking", "Which five suppliers have the highest account balance? Show name and balance.", "answered"),
    Act("A question the data cannot answer", "What was the weather on the day of the first order?", "abstained"),
    Act("A question that would change the data", "Delete all orders.", "refused"),
)


def run_demo(warehouse: Warehouse, model: BaseChatModel, settings: Settings, terminal: Terminal) -> int:
    """Ask and show every act; how many of them did not end as they must."""
    return sum(_perform(act, warehouse, model, settings, terminal).status != act.status for act in ACTS)


def _perform(act: Act, warehouse: Warehouse, model: BaseChatModel, settings: Settings, terminal: Terminal) -> Answer:
    terminal.show(views.title(act.title, terminal))
    with terminal.stages() as on_stage:
        answer = ask(act.question, warehouse, model, settings, on_stage=on_stage)
    terminal.show(views.answer(answer, terminal))
    return answer
