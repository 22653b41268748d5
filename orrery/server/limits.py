"""What a server takes at most: beyond it requests are refused, with the status that says why."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """How much of everything a server takes."""

    body: int = 4 * 2**20
    """Bytes of a request's body (413)."""
    texts: int = 2048
    """Texts in one request for embeddings (422)."""
    max_tokens: int | None = None
    """Tokens that may be asked for at a time (422); None: as many as the model's context has."""
    queue: int = 256
    """Answers that wait for their first token (429). One request asks for at most so many (422)."""
    connections: int = 512
    """Open connections (429)."""
    request_seconds: float = 30.0
    """From the first byte of a request, or the beginning of the connection, to its last byte; then it is closed."""
    unread_seconds: float = 60.0
    """How long a client may leave unread what it is sent; then its connection is closed."""
