import asyncio
import errno
import os
import signal
import socket

import pytest
import uvloop

from multillama.app import processes
from multillama.app.processes import StartError, bind, is_everywhere, on_reload, on_stop, run
from tests.gateway import free_port


async def loop_in_use():
    return type(asyncio.get_running_loop())


def close(sockets):
    for sock in sockets:
        sock.close()


def test_a_gateway_runs_on_uvloop():
    assert run(loop_in_use()) is uvloop.Loop


def test_without_uvloop_it_runs_on_the_standard_loop(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "uvloop", None)

    assert run(loop_in_use()) is not uvloop.Loop


def test_a_c_library_without_mallopt_is_left_alone(monkeypatch):
    monkeypatch.setattr(processes.ctypes, "CDLL", lambda name: object())

    assert run(loop_in_use()) is uvloop.Loop


def test_localhost_is_every_loopback_address_of_that_name():
    port = free_port()

    sockets = bind("localhost", port)

    names = {info[4][0] for info in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)}
    assert {sock.getsockname()[0] for sock in sockets} <= names
    assert {sock.getsockname()[1] for sock in sockets} == {port}
    close(sockets)


def test_an_address_in_brackets_is_an_ipv6_address():
    sockets = bind("[::1]", free_port())

    assert [sock.getsockname()[0] for sock in sockets] == ["::1"]
    close(sockets)


@pytest.mark.parametrize("host", ["::", "[::]", "0:0:0:0:0:0:0:0"])
def test_every_network_by_ipv6_is_every_network_by_ipv4_too(host):
    port = free_port()

    sockets = bind(host, port)

    assert [sock.getsockname()[:2] for sock in sockets] == [("::", port), ("0.0.0.0", port)]
    close(sockets)


def test_without_ipv6_every_network_is_that_by_ipv4(monkeypatch):
    bind_one = processes._bind_one

    def without_ipv6(family, *rest):
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "no IPv6 here")
        return bind_one(family, *rest)

    monkeypatch.setattr(processes, "_bind_one", without_ipv6)

    sockets = bind("::", free_port())

    assert [sock.getsockname()[0] for sock in sockets] == ["0.0.0.0"]
    close(sockets)


@pytest.mark.parametrize(
    ("host", "everywhere"),
    [("::", True), ("[::]", True), ("0.0.0.0", True), ("::1", False), ("localhost", False)],
)
def test_every_network_is_known_in_any_spelling(host, everywhere):
    assert is_everywhere(host) is everywhere


def test_a_port_in_use_is_one_line_with_the_way_out():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(StartError) as caught:
            bind("127.0.0.1", port)

    assert str(caught.value) == (
        f"Port {port} is in use. Stop the other program, or choose another --port."
    )


def test_a_name_that_nobody_knows_is_one_line_with_the_way_out():
    with pytest.raises(
        StartError, match=r"^The host no-such-host\.invalid cannot be resolved\. Use"
    ):
        bind("no-such-host.invalid", 3000)


def test_an_address_of_another_machine_is_one_line_with_the_way_out():
    with pytest.raises(StartError, match=r"192\.0\.2\.1 is not an address of this machine\. Use"):
        bind("192.0.2.1", free_port())


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (errno.EACCES, "Port 80 needs more rights than this user has. Choose a --port above 1023."),
        (errno.EMFILE, "Port 80 on localhost cannot be had: Too many open files."),
    ],
)
def test_other_reasons_are_told_too(monkeypatch, code, text):
    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(processes, "_bind_one", refuse)

    with pytest.raises(StartError) as caught:
        bind("localhost", 80)

    assert str(caught.value) == text


def test_one_address_of_a_name_is_enough(monkeypatch):
    bind_one = processes._bind_one

    def without_ipv6(family, *rest):
        if family == socket.AF_INET6:
            raise OSError(errno.EADDRNOTAVAIL, "no IPv6 here")
        return bind_one(family, *rest)

    monkeypatch.setattr(processes, "_bind_one", without_ipv6)

    sockets = bind("localhost", free_port())

    assert [sock.getsockname()[0] for sock in sockets] == ["127.0.0.1"]
    close(sockets)


def test_one_address_that_is_taken_is_none_at_all(monkeypatch):
    bind_one, bound = processes._bind_one, []

    def take_the_first(*where):
        if bound:
            raise OSError(errno.EADDRINUSE, "taken")
        bound.append(bind_one(*where))
        return bound[0]

    address = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 0))
    monkeypatch.setattr(
        processes.socket,
        "getaddrinfo",
        lambda *_, **__: [address, (*address[:4], ("127.0.0.2", 0))],
    )
    monkeypatch.setattr(processes, "_bind_one", take_the_first)

    with pytest.raises(StartError, match="Port 3000 is in use"):
        bind("localhost", 3000)

    assert bound[0].fileno() == -1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_both_signals_ask_to_stop(number):
    asked = asyncio.Event()
    on_stop(asked.set)

    os.kill(os.getpid(), number)

    await asyncio.wait_for(asked.wait(), 5)
    loop = asyncio.get_running_loop()
    loop.remove_signal_handler(signal.SIGTERM)
    loop.remove_signal_handler(signal.SIGINT)


async def test_a_hang_up_reloads():
    came = asyncio.Event()
    on_reload(came.set)

    os.kill(os.getpid(), signal.SIGHUP)

    await asyncio.wait_for(came.wait(), 5)
    asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
