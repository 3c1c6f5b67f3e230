"""`python -m fake_server`: serves until its standard input ends, which it does when the tests end, however they end."""

import json
import socket
import sys
import threading
import warnings

import uvicorn


def main() -> None:
    warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
    sock = socket.socket(proto=socket.IPPROTO_TCP)  # else asyncio leaves Nagle's algorithm on: 40 ms an answer
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    sock.listen(64)  # whoever reads the port may connect at once
    from fake_server import handler, stages
    from fake_server.front import APP

    server = uvicorn.Server(uvicorn.Config(APP, log_level="warning", timeout_graceful_shutdown=1))
    threading.Thread(target=stop_with_parent, args=(server,), daemon=True).start()
    handler.SERVER |= {"host": "127.0.0.1", "port": sock.getsockname()[1]}
    print(json.dumps({"port": sock.getsockname()[1]}), flush=True)
    try:
        server.run(sockets=[sock])
    finally:
        stages.empty()
        handler.forget()


def stop_with_parent(server: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    server.should_exit = True


if __name__ == "__main__":
    main()
