"""A real SMTP server for tests: aiosmtpd, with TLS and a password.

smtp_server.py FOLDER [refuse]: writes FOLDER/ca.pem, then prints its port. The user is `reader`, the password
`sesame`. Each message is appended to FOLDER/messages, with a line of dashes after it. With `refuse`, every message is
turned away. Ends when its standard input does.
"""

import asyncio
import ssl
import sys
from pathlib import Path

import trustme
from aiosmtpd.smtp import SMTP, AuthResult

FOLDER = Path(sys.argv[1])
REFUSES = sys.argv[2:] == ["refuse"]


class Handler:
    async def handle_DATA(self, server, session, envelope):
        if REFUSES:
            return "451 try again later"
        with open(FOLDER / "messages", "ab") as file:
            file.write(envelope.content + b"\n" + b"-" * 60 + b"\n")
        return "250 taken"


def authenticate(server, session, envelope, mechanism, data):
    # Not `handled`: the server itself is to say no.
    return AuthResult(success=(data.login, data.password) == (b"reader", b"sesame"), handled=False)


async def serve(context):
    def protocol():
        return SMTP(Handler(), hostname="localhost", authenticator=authenticate, auth_required=True,
                    require_starttls=True, tls_context=context)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


def main():
    authority = trustme.CA()
    authority.cert_pem.write_to_path(FOLDER / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    asyncio.run(serve(context))


main()
