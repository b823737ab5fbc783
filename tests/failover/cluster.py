"""Two PostgreSQL servers under Patroni, with one etcd, all on loopback."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from discreet.postgres.binaries import ENVIRONMENT, program
from discreet.postgres.unprivileged import find_runner, give_to

READY_SECONDS = 180.0
TTL_SECONDS, LOOP_SECONDS, RETRY_SECONDS = 20, 5, 5


def free_ports(count: int) -> list[int]:
    """Return free ports of loopback."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@dataclass
class Node:
    """One PostgreSQL and the Patroni that starts, stops and promotes it."""

    name: str
    folder: Path
    port: int
    api: int
    process: subprocess.Popen[bytes] | None = None

    @property
    def postmaster(self) -> int | None:
        """Return the server's process id, or None if it is down."""
        with suppress(OSError, ValueError, IndexError):
            return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        return None


@dataclass
class Cluster:
    """``etcd``, and the nodes."""

    folder: Path
    admin_password: str = field(default_factory=lambda: secrets.token_hex(16))
    nodes: list[Node] = field(default_factory=list)
    etcd: subprocess.Popen[bytes] | None = None

    @property
    def admin_url(self) -> str:
        """Return a URL of all hosts that selects the primary."""
        hosts = ",".join(f"127.0.0.1:{node.port}" for node in self.nodes)
        return f"postgresql://admin:{self.admin_password}@{hosts}/postgres"

    def start(self) -> None:
        """Start everything, and wait until a standby replicates synchronously."""
        client, peer = free_ports(2)
        self.etcd = _start(
            ["etcd", "--name", "one", "--data-dir", str(self.folder / "etcd"),
             "--listen-client-urls", f"http://127.0.0.1:{client}",
             "--advertise-client-urls", f"http://127.0.0.1:{client}",
             "--listen-peer-urls", f"http://127.0.0.1:{peer}",
             "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
             "--initial-cluster", f"one=http://127.0.0.1:{peer}"],
            self.folder / "etcd.log", {"PATH": os.environ["PATH"]},
        )  # fmt: skip
        for name in ("one", "two"):
            folder = self.folder / name
            folder.mkdir()
            port, api = free_ports(2)
            node = Node(name, folder, port, api)
            (folder / "patroni.json").write_text(json.dumps(self._settings(node, client)))
            give_to(find_runner(), folder)
            self.nodes.append(node)
            self.run(node)
        self.wait_until_redundant()

    def run(self, node: Node) -> None:
        """Start a node's Patroni, as systemd does after a crash or a reboot."""
        words = [*find_runner().prefix, os.environ["PATRONI"], str(node.folder / "patroni.json")]
        node.process = _start(words, node.folder / "patroni.log", ENVIRONMENT)

    def kill(self, node: Node, *, whole: bool) -> None:
        """Run kill -9 on the server's first process, or on the whole node as if it lost power."""
        processes = _tree(node.process.pid) if node.process and whole else set()
        if (postmaster := node.postmaster) is not None:
            processes |= _tree(postmaster) if whole else {postmaster}
        for process in processes:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        if whole and node.process is not None:
            node.process.wait()
            node.process = None

    def primary(self) -> Node | None:
        """Return the leader, according to Patroni."""
        for member in self._members():
            if member["role"] == "leader" and member["state"] == "running":
                return next(node for node in self.nodes if node.name == member["name"])
        return None

    def wait_until_redundant(self) -> float:
        """Return the seconds until a standby follows the primary synchronously.

        From then on, no commit is lost with the primary.
        """
        began = time.monotonic()
        while time.monotonic() - began < READY_SECONDS:
            roles = {(one["role"], one["state"]) for one in self._members()}
            if ("leader", "running") in roles and ("sync_standby", "streaming") in roles:
                return time.monotonic() - began
            for node in self.nodes:
                if node.process is not None and node.process.poll() is not None:
                    self.run(node)
            time.sleep(0.5)
        raise AssertionError(f"no standby follows: {self._members()}, see {self.folder}")

    def stop(self) -> None:
        """Stop everything that it started."""
        for node in self.nodes:
            self.kill(node, whole=True)
        if self.etcd is not None:
            self.etcd.kill()
            self.etcd.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _members(self) -> list[dict[str, Any]]:
        for node in self.nodes:
            with suppress(OSError, ValueError):
                address = f"http://127.0.0.1:{node.api}/cluster"
                with urllib.request.urlopen(address, timeout=3) as answer:
                    return list(json.load(answer)["members"])
        return []

    def _settings(self, node: Node, etcd: int) -> dict[str, Any]:
        def login(name: str) -> dict[str, str]:
            return {"username": name, "password": self.admin_password}

        access = [f"{what} all 127.0.0.1/32 scram-sha-256" for what in
                  ("host all", "host replication")]  # fmt: skip
        return {
            "scope": "discreet",
            "name": node.name,
            "restapi": {"listen": f"127.0.0.1:{node.api}",
                        "connect_address": f"127.0.0.1:{node.api}"},
            "etcd3": {"hosts": [f"127.0.0.1:{etcd}"]},
            "bootstrap": {
                "dcs": {
                    "ttl": TTL_SECONDS,
                    "loop_wait": LOOP_SECONDS,
                    "retry_timeout": RETRY_SECONDS,
                    "synchronous_mode": True,
                    "primary_start_timeout": 0,
                    "postgresql": {
                        "use_pg_rewind": True,
                        "parameters": {"max_connections": 200, "wal_log_hints": "on",
                                       "wal_keep_size": "256MB", "shared_buffers": "64MB"},
                    },
                },
                "initdb": [{"encoding": "UTF8"}, "data-checksums", {"locale": "C"}],
            },
            "postgresql": {
                "listen": f"127.0.0.1:{node.port}",
                "connect_address": f"127.0.0.1:{node.port}",
                "data_dir": str(node.folder / "data"),
                "bin_dir": str(Path(program("postgres")).parent),
                "pgpass": str(node.folder / "pgpass"),
                "pg_hba": access,
                "authentication": {"superuser": login("admin"), "replication": login("copier"),
                                   "rewind": login("rewinder")},
                "parameters": {"unix_socket_directories": "", "password_encryption":
                               "scram-sha-256"},
            },
        }  # fmt: skip


def _start(words: list[str], log: Path, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    with log.open("ab") as output:
        return subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
        )


def _tree(root: int) -> set[int]:
    """Return a process and its living descendants."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError, IndexError, ValueError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
    found = {root}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found
