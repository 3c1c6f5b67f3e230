"""Snowflake's HTTP protocol, as its connector speaks it: sign-on, statements, polling, cancelling, renewal."""

import asyncio
import gzip
import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from fake_server import control, signon
from fake_server.account import Session
from fake_server.errors import SnowflakeError
from fake_server.run_statement import failure, start
from fake_server.running import RUNNING, Running
from fake_server.world import WORLD
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

ANSWER_WITHIN_SECONDS = 40.0  # then the client is told to come back for the result
IN_PROGRESS = "333334"


async def data(request: Request) -> dict[str, Any]:
    body = await request.body()
    if request.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    return json.loads(body) if body else {}


def session_of(request: Request) -> Session:
    """The request's session; SnowflakeError where its token is unknown or has expired."""
    token = signon.token_in(request.headers.get("Authorization", ""))
    for account in WORLD.accounts.values():
        if token in account.expired:
            raise SnowflakeError(390112, "08001", "Your session has expired. Please login again.")
        if session := account.sessions.get(token):
            return session
    raise SnowflakeError(390104, "08001", "ID Token is invalid. User must login again to access the service.")


async def query(request: Request) -> Response:
    try:
        session = session_of(request)
    except SnowflakeError as error:
        return JSONResponse(failure(error))
    body = await data(request)
    request_id = request.query_params.get("requestId", str(uuid.uuid4()))
    running = RUNNING.get(request_id)
    if running is None:
        running = start(session, body, request_id)
    if body.get("asyncExec"):
        return JSONResponse(in_progress(running))
    return JSONResponse(await answer(running))


async def answer(running: Running) -> dict[str, Any]:
    until = time.monotonic() + ANSWER_WITHIN_SECONDS
    if await run_in_threadpool(running.done.wait, 0.5):
        return running.answer or {}
    while time.monotonic() < until:
        if running.done.is_set():
            return running.answer or {}
        await asyncio.sleep(0.02)
    return in_progress(running)


def in_progress(running: Running) -> dict[str, Any]:
    query_id = running.ran.query_id
    told = {
        "queryId": query_id,
        "getResultUrl": f"/queries/{query_id}/result",
        "queryAbortsAfterSecs": 300,
        "progressDesc": None,
    }
    return {"data": told, "code": IN_PROGRESS, "message": "Query execution in progress.", "success": True}


async def result(request: Request) -> Response:
    """A result that the client comes back for."""
    running = RUNNING.get(request.path_params["query_id"])
    try:
        session = session_of(request)
        if running is None or running.session.user != session.user:
            raise SnowflakeError(709, "02000", f"Statement {request.path_params['query_id']} not found")
    except SnowflakeError as error:
        return JSONResponse(failure(error))
    return JSONResponse(await answer(running))


async def abort(request: Request) -> Response:
    """Cancel what a request started."""
    try:
        session = session_of(request)
    except SnowflakeError as error:
        return JSONResponse(failure(error))
    running = RUNNING.get((await data(request)).get("requestId", ""))
    if running is None or running.session.user != session.user:
        return JSONResponse(
            failure(SnowflakeError(605, "57014", "Identified SQL statement is not currently executing."))
        )
    await run_in_threadpool(running.watch.cancel)
    return JSONResponse({"data": None, "code": None, "message": None, "success": True})


async def monitoring(request: Request) -> Response:
    """How a statement is doing."""
    try:
        session = session_of(request)
    except SnowflakeError as error:
        return JSONResponse(failure(error))
    running = RUNNING.get(request.path_params["query_id"])
    if running is None or running.session.user != session.user:
        return JSONResponse({"data": {"queries": []}, "success": True})
    ran = running.ran
    status = {"FAIL": "FAILED_WITH_ERROR"}.get(ran.status, ran.status)
    told = {"id": ran.query_id, "status": status, "errorCode": str(ran.error[0]) if ran.error else None}
    return JSONResponse(
        {"data": {"queries": [told | {"errorMessage": ran.error[1] if ran.error else None}]}, "success": True}
    )


def guarded(work: Callable[[Request, dict[str, Any]], dict[str, Any]]) -> Callable[..., Any]:
    """A route whose work runs in a thread and whose refusals go over the wire."""

    async def route(request: Request) -> Response:
        body = await data(request)
        try:
            return JSONResponse(await run_in_threadpool(work, request, body))
        except signon.UnknownAccountError:
            return JSONResponse({"error": "no such account"}, status_code=404)
        except SnowflakeError as error:
            return JSONResponse(failure(error))

    return route


APP = Starlette(
    routes=[
        Route("/session/v1/login-request", guarded(signon.login), methods=["POST"]),
        Route("/session/token-request", guarded(signon.renew), methods=["POST"]),
        Route("/session/heartbeat", guarded(lambda r, b: {"success": bool(session_of(r))}), methods=["POST"]),
        Route("/session", guarded(signon.end), methods=["POST"]),
        Route("/queries/v1/query-request", query, methods=["POST"]),
        Route("/queries/v1/abort-request", abort, methods=["POST"]),
        Route("/queries/{query_id}/result", result, methods=["GET"]),
        Route("/monitoring/queries/{query_id}", monitoring, methods=["GET"]),
        Route("/telemetry/send", guarded(lambda r, b: {"success": True}), methods=["POST"]),
        Route("/fake/{what}", guarded(control.control), methods=["POST"]),
    ]
)
