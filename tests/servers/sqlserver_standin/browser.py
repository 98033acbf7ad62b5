"""SQL Server Browser: tells a client which port a named instance listens on.

Source: Microsoft's open specification MC-SQLR (UDP port 1434): 0x04 and the name ask for one instance, 0x05 with a
length and a list of names and values answers.
"""

import socket
import struct
import threading
from collections.abc import Generator
from contextlib import contextmanager

PORT = 1434
HOST = "127.0.0.1"
ASK_FOR_INSTANCE = b"\x04"


@contextmanager
def serve_browser(instance: str, port: int) -> Generator[str]:
    """Answer on the loopback address inside the block and yield it; empty where the port is taken."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        try:
            listening.bind((HOST, PORT))
        except OSError:
            yield ""
            return
        listening.settimeout(0.1)
        ended = threading.Event()
        thread = threading.Thread(target=_answer, args=(listening, instance, port, ended))
        thread.start()
        try:
            yield HOST
        finally:
            ended.set()
            thread.join()


def _answer(listening: socket.socket, instance: str, port: int, ended: threading.Event) -> None:
    values = f"ServerName;STANDIN;InstanceName;{instance};IsClustered;No;Version;17.0.1000.7;tcp;{port};;".encode(
        "ascii"
    )
    while not ended.is_set():
        try:
            question, client = listening.recvfrom(1024)
        except TimeoutError:
            continue
        if question[:1] == ASK_FOR_INSTANCE and question[1:].rstrip(b"\x00").decode("ascii").upper() == instance:
            listening.sendto(b"\x05" + struct.pack("<H", len(values)) + values, client)
