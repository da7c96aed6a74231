#!/usr/bin/env python3
"""lying-server SOCKET|tcp:FILE SIZE LIE — an NBD server on a Unix socket, or a port whose number it leaves in FILE, that breaks one promise, and keeps the others.

Data are bytes of 0xAA, described as data unless the lie says otherwise. The protocol is doc/proto.md of the NBD project.
"""
import os
import socket
import struct
import sys
import threading
import time

path, size, lie = sys.argv[1], int(sys.argv[2]), sys.argv[3]
connections = 0


def exactly(client, count):
    data = b""
    while len(data) < count:
        part = client.recv(min(count - len(data), 1 << 20))
        if not part:
            raise ConnectionError
        data += part
    return data


def option_reply(client, option, kind, payload=b""):
    client.sendall(struct.pack(">QIII", 0x3E889045565A9, option, kind, len(payload)) + payload)


def negotiate(client):
    global connections
    connections += 1
    mine = size + (512 if lie == "another-size" and connections > 1 else 0)
    structured = False
    client.sendall(b"NBDMAGICIHAVEOPT" + struct.pack(">H", 3))
    exactly(client, 4)
    while True:
        _, option, length = struct.unpack(">QII", exactly(client, 16))
        data = exactly(client, length)
        if lie == "mute":
            time.sleep(600)
        if option == 8:
            structured = True
            option_reply(client, option, 1)
        elif option == 10:
            while lie == "endless-contexts":
                option_reply(client, option, 4, struct.pack(">I", 1) + b"base:allocation" + b"x" * 4000)
            option_reply(client, option, 4, struct.pack(">I", 1) + b"base:allocation")
            option_reply(client, option, 1)
        elif option in (6, 7):
            sizes = {"block-0": (0, 0, 0), "block-3": (3, 4096, 1 << 20), "block-huge": (1 << 31, 1 << 31, 1 << 31),
                     "block-backwards": (4096, 4096, 512)}.get(lie)
            if sizes:
                option_reply(client, option, 3, struct.pack(">HIII", 3, *sizes))
            while lie == "endless-info":
                option_reply(client, option, 3, struct.pack(">HQH", 0, mine, 0x103))
            option_reply(client, option, 3, struct.pack(">HQH", 0, mine, 0x103))
            option_reply(client, option, 1)
            return structured
        else:
            option_reply(client, option, 0x80000001)


def chunk(cookie, kind, payload, done=True):
    return struct.pack(">IHH", 0x668E33EF, 1 if done else 0, kind) + cookie + struct.pack(">I", len(payload)) + payload


def extents(offset, count):
    if lie == "many-extents" and count >= 272:
        return struct.pack(">IIII", 136, 0, 136, 3), count // 272
    if lie == "short-extents":
        return struct.pack(">II", 512, 0), 1
    if lie == "zero-length":
        return struct.pack(">IIII", 0, 3, count, 0), 1
    if lie == "too-far":
        return struct.pack(">IIII", count, 0, count, 3), 1
    if lie == "promises":
        return struct.pack(">II", count, 3), 1
    return struct.pack(">II", count, 0), 1


def answer(client, structured, kind, cookie, offset, count):
    if kind == 7:
        pattern, times = extents(offset, count)
        client.sendall(chunk(cookie, 5, struct.pack(">I", 1) + pattern * times))
        return
    data = b"\xaa" * count
    if not structured:
        client.sendall(struct.pack(">II", 0x67446698, 0) + cookie + data)
    elif lie == "dribble":
        reply = chunk(cookie, 1, struct.pack(">Q", offset) + data)
        for byte in reply:
            client.sendall(bytes([byte]))
            time.sleep(0.05)
    elif lie == "endless":
        while True:
            client.sendall(chunk(cookie, 1, struct.pack(">Q", offset) + data[:512], done=False))
    elif lie == "crumbs":
        for index in range(count - 1, -1, -1):
            client.sendall(chunk(cookie, 1, struct.pack(">Q", offset + index) + b"\xaa", done=index == 0))
    elif lie == "holes":
        half = count // 2
        client.sendall(chunk(cookie, 2, struct.pack(">QI", offset, half), done=False))
        client.sendall(chunk(cookie, 1, struct.pack(">Q", offset + half) + data[half:]))
    elif lie == "stops":
        client.sendall(chunk(cookie, 1, struct.pack(">Q", offset) + data)[: count // 2])
        time.sleep(600)
    else:
        client.sendall(chunk(cookie, 1, struct.pack(">Q", offset) + data))


def serve(client):
    try:
        structured = negotiate(client)
        while True:
            _, _, kind, cookie, offset, count = struct.unpack(">IHH8sQI", exactly(client, 28))
            if kind == 2:
                return
            answer(client, structured, kind, cookie, offset, count)
    except OSError:
        pass
    finally:
        client.close()


if path.startswith("tcp:"):
    listener = socket.create_server(("127.0.0.1", 0), backlog=16)
    with open(path[4:] + ".new", "w") as file:
        file.write(str(listener.getsockname()[1]))
    os.rename(path[4:] + ".new", path[4:])
else:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path + ".new")
    listener.listen(16)
    os.rename(path + ".new", path)
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
