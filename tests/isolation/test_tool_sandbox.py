"""A server that is a child process and looks around: it finds its program, its folder, no more."""

from __future__ import annotations

import json
import os
import platform
import re
import resource
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from discreet.domain.errors import BadInput
from discreet.domain.ids import AgentId, OwnerId
from discreet.postgres.server import Database
from discreet.tools import sandbox
from discreet.tools.client import ServerSession
from discreet.tools.sandbox import Protected, protected_by
from discreet.tools.servers import McpServer
from tests.support.tool_servers.served import command
from tests.support.waiting import until


@pytest.fixture(autouse=True, scope="module")
def confined() -> None:
    """Fail, never skip, where the kernel has no Landlock."""
    assert sandbox.can_confine(a_server("x", ports=(1,))), "this kernel has no Landlock"


@pytest.fixture
def a_key() -> Iterator[None]:
    os.environ["OPENAI_API_KEY"] = "the key of the installation"
    yield
    del os.environ["OPENAI_API_KEY"]


def a_server(*words: str, **options: object) -> McpServer:
    ids = uuid4(), OwnerId(uuid4()), AgentId(uuid4())
    return McpServer(*ids, "looking", command=words, **options)  # type: ignore[arg-type]


async def attempt(session: ServerSession, tool: str, **arguments: object) -> str:
    result = await session.call(tool, arguments, lambda: None, 20)
    return result.text


def is_alive(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().split()[2]
    except OSError:
        return False


def newest_child(process: int) -> int:
    return int(Path(f"/proc/{process}/task/{process}/children").read_text().split()[-1])


async def test_a_child_process_reaches_nothing_of_the_installation_and_leaves_nothing_behind(
    database: Database, tmp_path: Path, a_key: None
) -> None:
    conninfo = database.conninfo("discreet_contact")
    (tmp_path / "credentials.json").write_text("every password")
    with socket.create_server(("127.0.0.1", 0)) as other:
        allowed = other.getsockname()[1]
        server = a_server(
            *command("looking"), ports=(allowed,), environment={"SHOP_KEY": "its own"}
        )
        session = ServerSession(server)
        await session.open(protected_by(tmp_path, conninfo), tmp_path / "tools")
        try:
            await _sees_only_its_own(session, tmp_path)
            await _reaches_no_process(session)
            await _reaches_no_database(session, conninfo)
            await _finds_no_other_way(session, tmp_path / "credentials.json")
            assert "connected" in await attempt(session, "dial", port=allowed)
            left = int(await attempt(session, "leave_behind"))
            assert is_alive(left)
        finally:
            await session.close()
    await until(lambda: not is_alive(left), "what it left behind is gone")
    assert list((tmp_path / "tools").iterdir()) == []


async def _sees_only_its_own(session: ServerSession, home: Path) -> None:
    assert "refused" in await attempt(session, "read", path=str(home / "credentials.json"))
    for folder in (home, home / "tools", Path("/proc"), Path.home(), Path("/tmp")):
        assert "refused" in await attempt(session, "entries", path=str(folder)), folder
    assert "refused" in await attempt(session, "write", path=str(home / "new"))
    assert "refused" in await attempt(session, "write", path="/tmp/new-file")
    assert "ok" in await attempt(session, "write", path="new")
    seen = await attempt(session, "environment")
    assert "its own" in seen
    assert "the key of the installation" not in seen
    assert "DISCREET" not in seen.replace(str(home), "")
    assert session.folder is not None
    assert str(session.folder) in seen


async def _reaches_no_process(session: ServerSession) -> None:
    own = os.getpid()
    for path in ("environ", "mem", "maps", "cmdline", "root/etc/passwd"):
        assert "refused" in await attempt(session, "read", path=f"/proc/{own}/{path}"), path
    launcher = newest_child(own)
    assert "refused" in await attempt(session, "read", path=f"/proc/{launcher}/environ")
    for tool in ("trace", "stop"):
        assert "refused" in await attempt(session, tool, process=own), tool
        assert "refused" in await attempt(session, tool, process=launcher), tool


# On x86-64 and on ARM64: shmget, msgget, semget, mq_open, inotify_init1, inotify_add_watch, listen.
NUMBERS = {"x86_64": (29, 68, 64, 240, 294, 254), "aarch64": (194, 186, 190, 180, 26, 27)}
SHMGET, MSGGET, SEMGET, MQ_OPEN, INOTIFY, WATCH = NUMBERS[platform.machine()]
# What it attempts: ways past the limits of ports, memory shared with other processes, limits and
# priorities of others, what others do, and files that it can't open.
ATTEMPTS = (
    "s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262); s.connect(('127.0.0.1', port))",
    "socket.socket().sendto(b'x', 0x20000000, ('127.0.0.1', port))",
    "socket.socket().sendmsg([b'x'], [], 0x20000000, ('127.0.0.1', port))",
    "socket.socket(socket.AF_INET, socket.SOCK_SEQPACKET)",
    "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4)",
    "socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)",
    "socket.socket(40, socket.SOCK_STREAM)",
    "socket.socket(socket.AF_UNIX).connect('\\0abstract')",
    "socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)",
    "socket.socket().listen()",
    f"call({SHMGET}, 0x5ec2e7, 4096, 0o1600)",
    f"call({MSGGET}, 0x5ec2e7, 0o1600)",
    f"call({SEMGET}, 0x5ec2e7, 1, 0o1600)",
    f"call({MQ_OPEN}, b'discreet', 0o102, 0o600, 0)",
    "open('/dev/shm/discreet', 'w')",
    "os.listdir('/dev/shm')",
    "resource.prlimit(process, resource.RLIMIT_CORE, (0, 0))",
    "resource.prlimit(process, resource.RLIMIT_NOFILE)",
    "os.setpriority(os.PRIO_PROCESS, process, 19)",
    "os.setpriority(os.PRIO_USER, 0, 19)",
    "os.sched_setaffinity(process, {0})",
    "os.sched_setscheduler(process, os.SCHED_IDLE, os.sched_param(0))",
    "os.kill(process, 0)",
    "signal.pidfd_send_signal(os.pidfd_open(process), signal.SIGCONT)",
    f"call({WATCH}, call({INOTIFY}, 0), os.path.dirname(path).encode(), 0xfff)",
    "open('/proc/self/net/unix')",
    "open('/proc/self/net/tcp')",
    "open('/proc/self/mountinfo')",
    "os.listdir('/proc/self/task')",
    "os.listdir('/proc/self/root/')",
    "os.listdir('/proc/self/cwd/..')",
    "os.setxattr(path, 'user.x', b'1')",
    "os.symlink(path, 'link'); open('link').read()",
    "os.link(path, 'hard'); open('hard').read()",
    "os.rename(path, 'moved')",
    "os.truncate(path, 0)",
    "os.unlink(path)",
    "open('run', 'w').write('x'); os.fchmod(os.open('run', 0), 0o755); os.execl('./run', 'x')",
)


def _state_of(file: Path) -> tuple[object, ...]:
    found = file.stat()
    limits = resource.getrlimit(resource.RLIMIT_CPU), resource.getrlimit(resource.RLIMIT_NOFILE)
    return found.st_mode, found.st_gid, found.st_mtime, file.read_text(), limits


async def _finds_no_other_way(session: ServerSession, secret: Path) -> None:
    before = _state_of(secret)
    with socket.create_server(("127.0.0.1", 0)) as port_of_database:
        port_of_database.setblocking(False)
        port = port_of_database.getsockname()[1]

        async def tried(code: str) -> str:
            given = {"process": os.getpid(), "port": port, "path": str(secret)}
            return await attempt(session, "attempt", code=code, **given)

        for code in ATTEMPTS:
            assert re.fullmatch("refused: (OSError|PermissionError)", await tried(code)), code
        with pytest.raises(BlockingIOError):
            port_of_database.accept()  # nobody got as far as that
        # They do nothing, because programs that copy files would give up.
        for code in ("os.chmod(path, 0o777)", "os.chown(path, -1, 1)", "os.utime(path, (1, 1))"):
            assert "ok" in await tried(code), code
        assert "ok" in await tried("open('a', 'w').write('x'); shutil.copy2('a', 'b')")
        assert "ok" in await tried("assert INHERITED == ['0', '1', '2', '3'], INHERITED")
    assert _state_of(secret) == before


async def _reaches_no_database(session: ServerSession, conninfo: str) -> None:
    parameters = conninfo_to_dict(conninfo)
    path = Path(str(parameters["host"])) / f".s.PGSQL.{parameters.get('port', 5432)}"
    if path.exists():  # else the database is a server elsewhere
        assert "refused" in await attempt(session, "connect", path=str(path))
    with socket.create_server(("127.0.0.1", 0)) as port_of_database:
        port = port_of_database.getsockname()[1]
        assert "refused" in await attempt(session, "dial", port=port)
    with psycopg.connect(conninfo):
        pass  # it is there, and others reach it


async def test_a_server_without_a_port_has_no_network(tmp_path: Path) -> None:
    session = ServerSession(a_server(*command("looking")))
    await session.open(Protected((tmp_path,)), tmp_path / "tools")
    try:
        with socket.create_server(("127.0.0.1", 0)) as other:
            assert "refused" in await attempt(session, "dial", port=other.getsockname()[1])
    finally:
        await session.close()


def test_the_databases_port_and_the_home_can_never_be_allowed(tmp_path: Path) -> None:
    for inside in ("/usr/share/discreet", "/usr/local/lib/x/home"):
        with pytest.raises(BadInput, match="every program may read"):
            sandbox.check_server(a_server(sys.executable), Protected((Path(inside),)))
        sandbox.check_server(a_server(sys.executable, trusted=True), Protected((Path(inside),)))
    protected = Protected((tmp_path / "home",), frozenset({5433}))
    sandbox.check_server(a_server(sys.executable, ports=(443,)), protected)
    for server in (
        a_server(sys.executable, ports=(443, 5433)),
        a_server(sys.executable, readable=(str(tmp_path),)),
        a_server(sys.executable, readable=(str(tmp_path / "home" / "credentials.json"),)),
        a_server(sys.executable, readable=("/",)),
        a_server("no-such-program-anywhere"),
    ):
        with pytest.raises(BadInput):
            sandbox.check_server(server, protected)


def test_the_folder_of_a_script_is_readable_unless_it_contains_the_home(tmp_path: Path) -> None:
    script = tmp_path / "project" / "server.py"
    script.parent.mkdir()
    script.write_text("")

    def readable(home: Path) -> list[str]:
        server = a_server(sys.executable, str(script))
        started = sandbox.start_command(server, tmp_path / "own", Protected((home,)))
        return json.loads(started[-1])["readable"]  # type: ignore[no-any-return]

    assert str(script.parent) in readable(tmp_path / "elsewhere")
    inside = readable(script.parent / ".discreet")
    assert str(script.parent) not in inside
    assert str(script) in inside
