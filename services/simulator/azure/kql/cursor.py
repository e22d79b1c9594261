"""A reading position in a list of tokens."""

from services.simulator.azure.kql.errors import KqlError, parser_failure
from services.simulator.azure.kql.lexer import Token


class Cursor:
    def __init__(self, items: list[Token]) -> None:
        self._items = items
        self._position = 0

    def peek(self, ahead: int = 0) -> Token:
        return self._items[min(self._position + ahead, len(self._items) - 1)]

    def next(self) -> Token:
        token = self.peek()
        self._position += 1
        return token

    def failure(self, token: Token | None = None, expected: str | None = None) -> KqlError:
        at = token or self.peek()
        return parser_failure(at.line, at.column, at.text, expected)

    def accept(self, symbol: str) -> bool:
        token = self.peek()
        if token.kind == "symbol" and token.text == symbol:
            self._position += 1
            return True
        return False

    def expect(self, symbol: str) -> None:
        if not self.accept(symbol):
            raise self.failure(expected=symbol)

    def at_word(self, word: str) -> bool:
        token = self.peek()
        return token.kind == "name" and token.text == word

    def accept_word(self, word: str) -> bool:
        if self.at_word(word):
            self._position += 1
            return True
        return False

    def expect_word(self, word: str) -> None:
        if not self.accept_word(word):
            raise self.failure(expected=word)

    def expect_name(self) -> str:
        token = self.next()
        if token.kind != "name":
            raise self.failure(token)
        return token.text
