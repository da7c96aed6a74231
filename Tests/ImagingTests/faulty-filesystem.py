#!/usr/bin/env python3
"""faulty-filesystem DIRECTORY [FAULT…] — a file system in memory, mounted on DIRECTORY, whose calls fail as they are told to.

Each FAULT is OPERATION:ERRNO[:SKIP[:TIMES]]: after SKIP calls that succeed, TIMES calls (for ever by default) fail. With HANG
in place of an ERRNO they are never answered, as by a disk that died.
Writes arrive late, out of the page cache, as on a disk or a network file system. `exclusive` stands for the two ways of
giving a name that must not exist. Speaks the kernel's FUSE protocol (linux/fuse.h); prints "ready" when it is mounted.
"""
import ctypes
import errno
import os
import struct
import sys

OPERATIONS = {
    1: "lookup", 3: "getattr", 4: "setattr", 10: "unlink", 12: "rename", 13: "link", 14: "open", 15: "read", 16: "write",
    17: "statfs", 18: "release", 20: "fsync", 25: "flush", 26: "init", 27: "opendir", 28: "readdir", 29: "releasedir",
    30: "fsyncdir", 35: "create", 45: "rename2",
}
SILENT = {2, 36, 42}  # forget, interrupt, batch_forget: nobody waits for an answer
HANG = -1
WRITEBACK_CACHE, BIG_WRITES, MAX_PAGES = 1 << 16, 1 << 5, 1 << 22


class Failure(Exception):
    def __init__(self, code):
        self.code = code


class Fault:
    def __init__(self, text):
        self.operation, code, *rest = text.split(":")
        self.code = HANG if code == "HANG" else getattr(errno, code)
        self.skip = int(rest[0]) if rest else 0
        self.times = int(rest[1]) if len(rest) > 1 else -1

    def strike(self):
        if self.skip > 0:
            self.skip -= 1
        elif self.times != 0:
            self.times -= 1
            raise Failure(self.code)


class FileSystem:
    def __init__(self, faults):
        self.faults = faults
        self.names = {}  # name → node
        self.files = {}  # node → contents
        self.last = 1

    def attributes(self, node):
        size = 4096 if node == 1 else len(self.files[node])
        links = 2 if node == 1 else list(self.names.values()).count(node)
        mode = 0o40755 if node == 1 else 0o100600
        return struct.pack("<6Q10I", node, size, (size + 511) // 512, 1, 1, 1, 0, 0, 0, mode, links, 0, 0, 0, 4096, 0)

    def entry(self, node):
        return struct.pack("<4Q2I", node, 0, 0, 0, 0, 0) + self.attributes(node)

    def node(self, name):
        if name not in self.names:
            raise Failure(errno.ENOENT)
        return self.names[name]

    def do_init(self, node, body):
        return struct.pack("<4I2HI", 7, 31, 1 << 20, WRITEBACK_CACHE | BIG_WRITES | MAX_PAGES, 16, 12, 1 << 20) + struct.pack(
            "<I2H2I6I", 1, 256, 0, 0, 0, 0, 0, 0, 0, 0, 0)

    def do_lookup(self, node, body):
        return self.entry(self.node(body.rstrip(b"\0")))

    def do_getattr(self, node, body):
        return struct.pack("<Q2I", 0, 0, 0) + self.attributes(node)

    def do_setattr(self, node, body):
        valid, _, _, size = struct.unpack_from("<2I2Q", body)
        if valid & 8:
            data = self.files[node]
            del data[size:]
            data.extend(bytes(size - len(data)))
        return self.do_getattr(node, body)

    def do_create(self, node, body):
        name = body[16:].rstrip(b"\0")
        self.last += 1
        self.names[name], self.files[self.last] = self.last, bytearray()
        return self.entry(self.last) + struct.pack("<Q2I", 0, 0, 0)

    def do_open(self, node, body):
        return struct.pack("<Q2I", 0, 0, 0)

    do_opendir = do_open

    def do_read(self, node, body):
        _, offset, size = struct.unpack_from("<2QI", body)
        return bytes(self.files[node][offset : offset + size])

    def do_write(self, node, body):
        _, offset, size = struct.unpack_from("<2QI", body)
        data = self.files[node]
        data.extend(bytes(max(0, offset + size - len(data))))
        data[offset : offset + size] = body[40 : 40 + size]
        return struct.pack("<2I", size, 0)

    def do_statfs(self, node, body):
        return struct.pack("<5Q4I6I", 1 << 20, 1 << 20, 1 << 20, 9, 9, 4096, 255, 4096, *[0] * 7)

    def do_unlink(self, node, body):
        name = body.rstrip(b"\0")
        self.node(name)
        del self.names[name]

    def do_link(self, node, body):
        (old,) = struct.unpack_from("<Q", body)
        self.strike("exclusive")
        name = body[8:].rstrip(b"\0")
        if name in self.names:
            raise Failure(errno.EEXIST)
        self.names[name] = old
        return self.entry(old)

    def do_rename(self, node, body, skip=8):
        old, new = body[skip:].split(b"\0")[:2]
        self.names[new] = self.node(old)
        del self.names[old]

    def do_rename2(self, node, body):
        _, flags = struct.unpack_from("<QI", body)
        self.strike("exclusive")
        if flags & 1 and body[16:].split(b"\0")[1] in self.names:
            raise Failure(errno.EEXIST)
        self.do_rename(node, body, 16)

    def do_readdir(self, node, body):
        _, offset = struct.unpack_from("<2Q", body)
        found = b""
        for index, (name, entry) in enumerate(sorted(self.names.items())[offset:], offset + 1):
            record = struct.pack("<2Q2I", entry, index, len(name), 8) + name
            found += record + bytes(-len(record) % 8)
        return found

    def do_flush(self, node, body):
        return b""

    do_fsync = do_release = do_releasedir = do_fsyncdir = do_flush

    def strike(self, operation):
        for fault in self.faults:
            if fault.operation == operation:
                fault.strike()

    def answer(self, opcode, node, body):
        operation = OPERATIONS.get(opcode)
        if operation is None:
            raise Failure(errno.ENOSYS)
        self.strike(operation)
        return getattr(self, "do_" + operation)(node, body) or b""


def main():
    directory, *faults = sys.argv[1:]
    device = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    if libc.mount(b"faulty", directory.encode(), b"fuse", 0, options) != 0:
        sys.exit(f"mount: {os.strerror(ctypes.get_errno())}")
    system = FileSystem([Fault(text) for text in faults])
    print("ready", flush=True)
    while True:
        try:
            request = os.read(device, (1 << 20) + 4096)
        except OSError:
            return
        _, opcode, unique, node = struct.unpack_from("<2I2Q", request)
        if opcode in SILENT:
            continue
        try:
            code, result = 0, system.answer(opcode, node, request[40:])
        except Failure as failure:
            code, result = -failure.code, b""
        if code == -HANG:
            continue
        try:
            os.write(device, struct.pack("<IiQ", 16 + len(result), code, unique) + result)
        except OSError:
            pass  # the one who asked is gone


main()
