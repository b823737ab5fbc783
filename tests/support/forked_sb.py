"""Stands for ``sb`` where others start it: a terminal, or a client of MCP.

The run's fork server makes the process that does the work, with the streams of this one. This one
passes signals on and ends as that one does.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from types import FrameType

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def main(folder: str, *words: str) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, PASSED_ON)
    ended, tells = os.pipe()
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.connect(f"{folder}/fork")
        asked = {"words": words, "environment": dict(os.environ)}
        socket.send_fds(server, [json.dumps(asked).encode()], [0, 1, 2, tells])
        pid = int(server.recv(20))
    os.close(tells)

    def pass_on(number: int, _: FrameType | None) -> None:
        try:
            os.kill(pid, number)
        except ProcessLookupError:  # it has just ended
            return

    for one in PASSED_ON:
        signal.signal(one, pass_on)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, PASSED_ON)
    code = os.waitstatus_to_exitcode(int(os.read(ended, 20) or signal.SIGKILL))
    if code < 0:
        signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    main(*sys.argv[1:])
