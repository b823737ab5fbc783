"""A server on several hosts, or behind a real pgbouncer, works like a local one."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from psycopg.conninfo import make_conninfo

from discreet.domain.errors import BadInput, Unavailable
from discreet.postgres.binaries import run_client
from discreet.postgres.credentials import Credentials, load_credentials, save_credentials
from discreet.postgres.external import initialise_external, migrate_external
from discreet.postgres.roles import ADMIN_ROLE, LOGIN_ROLES
from discreet.postgres.server import opened_database
from discreet.scope import OwnerScope, WorkScope
from tests.postgres.test_bootstrap import admin_url
from tests.support.responders import Responder
from tests.support.turns import do_all
from tests.support.waiting import until_sync
from tests.support.world import make_world, open_scoped

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
NOWHERE = "/nowhere-at-all"


def several_hosts(server: Credentials, form: str) -> str:
    """Return the admin's URL of a server whose first host is down."""
    password = server.passwords[ADMIN_ROLE]
    match form:
        case "url":
            hosts = f"{quote(NOWHERE, safe='')}:5433,{quote(server.host, safe='')}:{server.port}"
            return f"postgresql://{ADMIN_ROLE}:{password}@{hosts}/postgres"
        case "key=value":
            return (
                f"host={NOWHERE},{server.host} port=5433,{server.port} user={ADMIN_ROLE}"
                f" password={password} dbname=postgres target_session_attrs=read-write"
            )
        case _:
            return (
                f"host={NOWHERE},{server.host} user={ADMIN_ROLE} password={password} dbname=plain"
            )


@pytest.mark.parametrize("form", ["url", "key=value", "one port for all"])
def test_a_server_on_several_hosts_is_made_ready_migrated_and_opened(
    own_server: Credentials, tmp_path: Path, form: str
) -> None:
    home, url = tmp_path / "own", several_hosts(own_server, form)
    with psycopg.connect(admin_url(own_server), autocommit=True) as conn:  # as without a locale
        conn.execute(
            "CREATE DATABASE plain TEMPLATE template0 ENCODING 'SQL_ASCII'"
            " LOCALE_PROVIDER libc LOCALE 'C'"
        )
    made = initialise_external(home, url, reset_roles=True)
    assert made.target_session_attrs == "read-write"
    assert len(made.places) == 2
    assert initialise_external(home, url) == made
    migrate_external(home, url)
    migrate_external(home, admin_url(own_server))  # one of the hosts is the same server
    with opened_database(home) as database:
        for role in LOGIN_ROLES:
            psycopg.connect(database.conninfo(role)).close()


def test_of_several_hosts_the_one_that_can_be_written_to_is_taken(
    own_server: Credentials, tmp_path: Path
) -> None:
    """Test two running hosts of which the first is read-only, like a standby."""
    with psycopg.connect(admin_url(own_server), autocommit=True) as conn:
        conn.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        conn.execute("SELECT pg_reload_conf()")
    with pytest.raises(Unavailable, match=r"read-only|read-write"):
        initialise_external(tmp_path / "own", several_hosts(own_server, "url"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://admin@a,,b/postgres",
        "host=a,b port=1,2,3",
        "host=a port=1,2",
        "postgresql://admin@a:x/postgres",
        "host=a,b port=5432,x",
    ],
)
def test_hosts_and_ports_that_do_not_fit_are_told_in_one_line(tmp_path: Path, url: str) -> None:
    with pytest.raises(BadInput, match="admin URL"):
        initialise_external(tmp_path / "own", url)
    assert not (tmp_path / "own").exists()


@contextmanager
def pgbouncer(server: Credentials, folder: Path, mode: str, more: str = "") -> Iterator[int]:
    """Yield the port of Debian's pgbouncer with a minimal configuration.

    It sets only PostgreSQL's address, the users and ``pool_mode``, and the lines in ``more``.
    """
    assert PGBOUNCER, "apt-get install pgbouncer"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    admin = server.passwords[ADMIN_ROLE]
    (folder / "users.txt").write_text(f'"{ADMIN_ROLE}" "{admin}"\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host={server.host} port={server.port} auth_user={ADMIN_ROLE}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = {folder}/users.txt\npool_mode = {mode}\n"
        "auth_query = SELECT usename, passwd FROM pg_catalog.pg_shadow WHERE usename = $1\n" + more
    )
    words = [PGBOUNCER, str(folder / "pgbouncer.ini")]
    if os.geteuid() == 0:  # it doesn't run as root
        nobody = pwd.getpwnam("nobody")
        words = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", 
                 "--clear-groups", "--inh-caps=+dac_override",
                 "--ambient-caps=+dac_override", *words]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)
    try:
        until_sync(
            lambda: process.poll() is not None or answers(port),
            "pgbouncer",
            outstanding=(folder / "log").read_text,
        )
        assert process.poll() is None, (folder / "log").read_text()
        yield port
    finally:
        process.terminate()
        process.wait(20)


def answers(port: int) -> bool:
    """Return whether something listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(PGBOUNCER is None, reason="apt-get install pgbouncer")
async def test_behind_pgbouncer_by_session_everything_works_and_keeps_its_settings(
    own_server: Credentials, tmp_path: Path
) -> None:
    with pgbouncer(own_server, tmp_path, "session") as port:
        url = make_conninfo(admin_url(own_server), host="127.0.0.1", port=port)
        home = tmp_path / "own"
        initialise_external(home, url, name="shop")
        migrate_external(home, url)
        with opened_database(home) as database:
            assert database.credentials.installation == "shop"
            async with open_scoped(database) as db:
                world = await make_world(db)
                said = await world.say("telegram:1001", "hello")
                async with db.begin(WorkScope()) as tx:
                    assert await tx.value("SHOW search_path") == "queue"
                    assert await tx.value("SHOW statement_timeout") == "1min"
                async with db.begin(OwnerScope(world.owner_id)) as tx:
                    assert await tx.value("SHOW statement_timeout") == "1min"
                    assert await tx.value("SELECT count(*) FROM discreet.messages") == 1
                assert said.new
                async with db.begin(OwnerScope(world.owner_id)) as tx:
                    await tx.execute("SET LOCAL statement_timeout = 20")
                    with pytest.raises(Unavailable, match="took too long"):
                        await tx.value("SELECT count(*) FROM generate_series(1, 10000000000)")
                await do_all(database, db, Responder())
                async with db.begin(WorkScope()) as tx:
                    assert await tx.fetch("SELECT id FROM queue.procrastinate_jobs") == []


@pytest.mark.skipif(PGBOUNCER is None, reason="apt-get install pgbouncer")
def test_programs_that_have_no_tls_dump_and_load_a_server_that_takes_nothing_else(
    own_server: Credentials, tmp_path: Path
) -> None:
    certificate, key = self_signed(tmp_path)
    only_tls = (
        f"client_tls_sslmode = require\nclient_tls_cert_file = {certificate}\n"
        f"client_tls_key_file = {key}\n"
    )
    dump = tmp_path / "dump"
    with pgbouncer(own_server, tmp_path, "session", only_tls) as port:
        admin = {"host": "localhost", "hostaddr": "127.0.0.1", "port": port}
        plain = make_conninfo(admin_url(own_server), **admin)
        safe = make_conninfo(plain, sslmode="verify-full", sslrootcert=certificate)
        with psycopg.connect(safe, autocommit=True) as conn:
            conn.execute(
                "CREATE TABLE many AS SELECT repeat('x', 1000) FROM generate_series(1, 5000)"
            )
            run_client("pg_dump", safe, "--format=custom", "--table=many", f"--file={dump}")
            conn.execute("DROP TABLE many")
            # Without a mode, the connection is by TLS too, as the server wants it.
            run_client("pg_restore", plain, "--dbname=postgres", str(dump))
            assert conn.execute("SELECT count(*) FROM many").fetchone() == (5000,)
        other = make_conninfo(safe, host="elsewhere.example")
        with pytest.raises(psycopg.OperationalError, match="certificate"):
            run_client("pg_dump", other, f"--file={dump}")


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Return the files of a certificate for localhost, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.mark.skipif(PGBOUNCER is None, reason="apt-get install pgbouncer")
@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_behind_pgbouncer_by_transaction_nothing_is_opened_and_one_line_says_why(
    own_server: Credentials, tmp_path: Path, mode: str
) -> None:
    home = tmp_path / "own"
    initialise_external(home, admin_url(own_server), reset_roles=True)
    kept = load_credentials(home)
    assert kept is not None
    with pgbouncer(own_server, tmp_path, mode) as port:
        save_credentials(home, replace(kept, host="127.0.0.1", port=port))
        for _ in range(3):  # with none, and with several, of its server connections open
            with (
                pytest.raises(Unavailable, match="another connection to PostgreSQL") as refused,
                opened_database(home),
            ):
                pass
            assert "pool_mode = session" in refused.value.hint
            assert "\n" not in str(refused.value)


@pytest.mark.skipif(PGBOUNCER is None, reason="apt-get install pgbouncer")
@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_behind_pgbouncer_by_transaction_nothing_is_created(
    own_server: Credentials, tmp_path: Path, mode: str
) -> None:
    with pgbouncer(own_server, tmp_path, mode) as port:
        url = make_conninfo(admin_url(own_server), host="127.0.0.1", port=port)
        for _ in range(2):  # a lock that one attempt left behind would stop the next one
            with pytest.raises(Unavailable, match="another connection to PostgreSQL"):
                initialise_external(tmp_path / "new", url, name="shop")
        assert load_credentials(tmp_path / "new") is None
    with psycopg.connect(admin_url(own_server)) as admin:
        assert admin.execute("SELECT FROM pg_roles WHERE rolname = 'shop_worker'").fetchall() == []
