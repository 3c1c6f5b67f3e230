"""The accounts of this server, each with its engine. One account unless a test asks for more."""

from fake_server.account import Account
from fake_server.engine import Engine


class World:
    """Accounts by name, in upper case."""

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.engines: dict[str, Engine] = {}
        self.add("FAKEACCOUNT")

    def add(self, name: str) -> Account:
        if name not in self.accounts:
            self.accounts[name], self.engines[name] = Account(name), Engine()
        return self.accounts[name]

    def engine(self, account: Account) -> Engine:
        return self.engines[account.name]


WORLD = World()
