"""``python -m tests.deploy.tls_terminator ADDRESS FOLDER``: TLS before an engine built without.

Listens on port 6379 of the address with the folder's certificate and hands everything on to port
6380 of the loopback.
"""

import asyncio
import ssl
import sys
from asyncio import StreamReader, StreamWriter

OUTSIDE, INSIDE = 6379, 6380


async def serve(address: str, folder: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{folder}/engine.crt", f"{folder}/engine.key")
    server = await asyncio.start_server(connected, address, OUTSIDE, ssl=context)
    await server.serve_forever()


async def connected(reader: StreamReader, writer: StreamWriter) -> None:
    try:
        engine_reader, engine_writer = await asyncio.open_connection("127.0.0.1", INSIDE)
    except OSError:
        writer.close()
        return
    await asyncio.gather(hand_on(reader, engine_writer), hand_on(engine_reader, writer))


async def hand_on(reader: StreamReader, writer: StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


if __name__ == "__main__":
    asyncio.run(serve(*sys.argv[1:]))
