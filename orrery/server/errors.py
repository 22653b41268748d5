"""Errors as clients see them, all in OpenAI's form: {"error": {"message": …, "type": …, "param": …, "code": …}}.

400  no JSON              401  no key, a wrong one      403  another site's page, an unknown host
404  no such model, path  405  method                   413  body too large
422  a field is wrong, or more than the limits allow    429  too many requests (Retry-After)
500  a bug                503  the engine is starting, or cannot finish or load (Retry-After)
"""

import logging
from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from orrery.errors import ContextFull, OrreryError
from orrery.server.engine_process import EngineFailed, EngineGone

RETRY = {"Retry-After": "1"}
MISTAKE = "the server made a mistake; its log says which"
CLIENT_GONE = 499  # nobody reads this; nginx has the number

log = logging.getLogger(__name__)


class ErrorBody(BaseModel):
    """What is wrong; `param` names the field, `code` says it in one word for programs."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(BaseModel):
    """The body of every answer that is an error."""

    error: ErrorBody


class Problem(Exception):
    """An answer that is an error."""

    def __init__(
        self, status: int, message: str, code: str | None = None, param: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.status, self.message, self.code, self.param, self.headers = status, message, code, param, headers

    @property
    def body(self) -> dict[str, Any]:
        """In OpenAI's form; text that a client sent may hold what is no character."""
        message = self.message.encode("utf-8", "replace").decode()
        kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
        kind = kinds.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": message, "type": kind, "param": self.param, "code": self.code}}

    @property
    def response(self) -> JSONResponse:
        """The whole answer."""
        return JSONResponse(self.body, self.status, self.headers)


def problem_of(error: Exception) -> Problem:
    """The answer that an error becomes; one that nobody expected says no more than that it is one."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, ExceptionGroup):
        return problem_of(error.exceptions[0])
    if isinstance(error, EngineGone | EngineFailed):
        return Problem(503, str(error), "engine_unavailable", headers=RETRY)
    if isinstance(error, ContextFull):
        return Problem(422, str(error), "context_length_exceeded")
    if isinstance(error, OrreryError):
        return Problem(422, str(error), "invalid_value")
    log.error("a request failed", exc_info=error)
    return Problem(500, MISTAKE, "internal_error")


def validation_problem(errors: Sequence[Any]) -> Problem:
    """What is wrong with a request's fields, without repeating what was sent.

    Where a field may have several forms, none of which fits, the error that lies deepest is of the one that was meant.
    """
    error = max(errors, key=lambda error: len(error["loc"]))
    place = [str(part) for part in error["loc"][1:]]
    if error["type"] == "json_invalid":
        return Problem(400, f"the body is no JSON: {error['ctx']['error']}", "invalid_json")
    if not place:
        return Problem(422, "the body must be a JSON object, sent with Content-Type: application/json", "invalid_value")
    message = f"{'.'.join(place)}: {error['msg'].removeprefix('Value error, ')}"
    return Problem(422, message, "invalid_value", place[0])


def answer_errors(app: FastAPI) -> None:
    """Give every error of the application its form."""

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        return validation_problem(error.errors()).response

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> JSONResponse:
        texts = {404: f"there is no {request.url.path} here", 405: f"{request.method} is not for this address"}
        message = texts.get(error.status_code, str(error.detail))
        headers = dict(error.headers) if error.headers else None
        return Problem(error.status_code, message, headers=headers).response

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> JSONResponse:
        return Problem(500, MISTAKE, "internal_error").response  # it is logged, with its traceback, on its way out

    @app.exception_handler(Problem)
    @app.exception_handler(OrreryError)
    async def known(request: Request, error: Exception) -> JSONResponse:
        return problem_of(error).response
