"""A chat as the tree that it is: its branches, what lies beside a message, where a branch ends.

tree = read_tree(database, 7)
tree.path(tree.chat.head)                    # the conversation at present
tree.beside(message)                         # the message itself and the others in its place, the oldest first
tree.newest_end(message)                     # where the conversation stands that goes through it
"""

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import delete, select, update

from orrery.database import Database
from orrery.errors import ConfigError
from orrery.inference.chat_history import Chat, ChatMessage, read_chat


@dataclass(frozen=True)
class ChatTree:
    """A chat and all its messages by their numbers."""

    chat: Chat
    messages: dict[int, ChatMessage]

    def message(self, number: int) -> ChatMessage:
        """One message. Raises ConfigError when the chat has none of that number."""
        if number not in self.messages:
            raise ConfigError(f"chat {self.chat.id} has no message {number}")
        return self.messages[number]

    def path(self, number: int | None) -> list[ChatMessage]:
        """The messages from the root to this one; none for none. Raises ConfigError as `message`."""
        path = []
        while number is not None:
            path.append(self.message(number))
            number = path[-1].parent_id
        return path[::-1]

    def beside(self, message: ChatMessage) -> list[ChatMessage]:
        """All messages that follow on the same one, this one among them, the oldest first."""
        return [row for row in self.messages.values() if row.parent_id == message.parent_id]

    def newest_end(self, message: ChatMessage) -> ChatMessage:
        """The newest of all messages after this one: nothing follows on it. The message itself where none does."""
        after = defaultdict(list)
        for row in self.messages.values():
            after[row.parent_id].append(row)
        newest, left = message, [message]
        while left:
            row = left.pop()
            newest = max(newest, row, key=lambda row: row.id)
            left += after[row.id]
        return newest

    def reply(self, message: ChatMessage) -> tuple[ChatMessage, list[ChatMessage]]:
        """The question that a message of a reply answers, and the reply up to this message.

        Raises ConfigError for a message that is of no reply.
        """
        path = self.path(message.id)
        asked = [place for place, row in enumerate(path) if row.message["role"] == "user"]
        if not asked or asked[-1] == len(path) - 1:
            raise ConfigError(f"message {message.id} of chat {self.chat.id} is no answer")
        return path[asked[-1]], path[asked[-1] + 1 :]


def read_tree(database: Database, number: int) -> ChatTree:
    """A chat with all its branches. Raises ConfigError where there is none of that number."""
    chat, _ = read_chat(database, number)
    found = select(ChatMessage).where(ChatMessage.chat_id == number).order_by(ChatMessage.id)
    with database.session() as session:
        return ChatTree(chat, {row.id: row for row in session.scalars(found)})


def remove_chat(database: Database, number: int) -> None:
    """Delete a chat with all its branches. Raises ConfigError where there is none of that number."""
    read_chat(database, number)
    of_chat = ChatMessage.chat_id == number
    with database.session() as session:
        session.execute(update(ChatMessage).where(of_chat).values(parent_id=None))  # so that any order will do
        session.execute(delete(ChatMessage).where(of_chat))
        session.execute(delete(Chat).where(Chat.id == number))
