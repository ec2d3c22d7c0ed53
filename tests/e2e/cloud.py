"""The internet as a gateway sees it through a proxy: names that lead to scripted servers, with TLS and a CA of our own.

Nothing leaves the machine. The gateway is told of it by what an operator would set: `HTTPS_PROXY` and `SSL_CERT_FILE`.
"""

import asyncio
import datetime
import ssl
import threading
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from multillama.tasks import Tasks

Reader, Writer = asyncio.StreamReader, asyncio.StreamWriter


class Cloud:
    """An HTTP proxy on loopback behind which some hosts exist; use it with `with`."""

    def __init__(self, hosts: Mapping[str, int], folder: Path) -> None:
        """Takes each host's name and the port of its plain server, and a folder for the certificates."""
        self.environ: dict[str, str] = {}
        """Variables that lead a gateway here."""
        self.asked: list[str] = []
        """What each CONNECT was for."""
        self._hosts = hosts
        self._authority = folder / "authority.pem"
        self._pair = folder / "pair.pem"
        self._ports: dict[str, int] = {}
        self._is_ready = threading.Event()
        self._errors: list[BaseException] = []
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event

    def __enter__(self) -> Self:
        make_certificates(list(self._hosts), authority=self._authority, pair=self._pair)
        self._thread.start()
        assert self._is_ready.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._errors and error[0] is None:
            raise self._errors[0]

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._tasks = Tasks(lambda _name, error: self._errors.append(error))
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self._pair)
        servers = []
        for host, port in self._hosts.items():
            joined = partial(self._join, port)
            servers.append(await asyncio.start_server(joined, "127.0.0.1", 0, ssl=context))
            self._ports[host] = servers[-1].sockets[0].getsockname()[1]
        servers.append(await asyncio.start_server(self._on_connect, "127.0.0.1", 0))
        proxy = servers[-1].sockets[0].getsockname()[1]
        self.environ |= {
            "HTTPS_PROXY": f"http://127.0.0.1:{proxy}",
            "SSL_CERT_FILE": str(self._authority),
        }
        self._is_ready.set()
        await self._stop.wait()
        for server in servers:
            server.close()
        await self._tasks.close()

    def _on_connect(self, reader: Reader, writer: Writer) -> None:
        self._tasks.spawn(self._tunnel(reader, writer), name="tunnel")

    async def _tunnel(self, reader: Reader, writer: Writer) -> None:
        method, target, _ = (await reader.readuntil(b"\r\n\r\n")).decode().split(" ", 2)
        self.asked.append(f"{method} {target}")
        port = self._ports.get(target.removesuffix(":443"))
        if port is None:
            writer.write(b"HTTP/1.1 502 No such host\r\n\r\n")
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self._join(port, reader, writer)

    def _join(self, port: int, reader: Reader, writer: Writer) -> None:
        self._tasks.spawn(self._pump_both(port, reader, writer), name="pump")

    async def _pump_both(self, port: int, reader: Reader, writer: Writer) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(_pump(reader, back), _pump(there, writer))


async def _pump(reader: Reader, writer: Writer) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


def make_certificates(hosts: list[str], *, authority: Path, pair: Path) -> None:
    """Writes the certificate of a new CA, and key and certificate of a server that is all the hosts."""
    ca_key, ca_name = ec.generate_private_key(ec.SECP256R1()), _name("A CA for tests")
    ca_id = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
         "encipher_only", "decipher_only"), False,
    )  # fmt: skip
    ca = (
        _builder(ca_name, ca_name, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(digital_signature=False, key_cert_sign=True, crl_sign=True, **usage),
            critical=True,
        )
        .add_extension(ca_id, critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    key = ec.generate_private_key(ec.SECP256R1())
    server = (
        _builder(ca_name, _name(hosts[0]), key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts]), critical=False
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(ca_id), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    authority.write_bytes(ca.public_bytes(pem))
    pair.write_bytes(private + server.public_bytes(pem))


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    issuer: x509.Name, subject: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now, day = datetime.datetime.now(datetime.UTC), datetime.timedelta(days=1)
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - day)
        .not_valid_after(now + day)
    )
