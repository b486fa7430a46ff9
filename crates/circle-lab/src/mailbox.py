"""A mail server that keeps what it gets: one JSON file for each mail, in the order of arrival.

Arguments: port, folder for mails, certificate, key. Knows the user ci with the password right-password. Addresses that begin with "later" are put
off once (451), those that begin with "never" are refused (550).
"""
import email
import email.policy
import json
import pathlib
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

port, folder, certificate, key = int(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3], sys.argv[4]


class Keeper:
    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("never"):
            return "550 no such user here"
        if address.startswith("later"):
            seen = folder / ("seen-" + address)
            if not seen.exists():
                seen.touch()
                return "451 busy, try again"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        part = lambda kind: body.get_content() if (body := mail.get_body((kind,))) else None
        kept = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "subject": str(mail["subject"]),
            "text": part("plain"),
            "html": part("html"),
            "tls": session.ssl is not None,
            "login": bool(session.authenticated),
            "headers": {name: str(value) for name, value in mail.items()},
        }
        name = "%d-%d" % (time.time_ns(), len(envelope.content))
        (folder / (name + ".part")).write_text(json.dumps(kept))
        (folder / (name + ".part")).rename(folder / (name + ".json"))
        return "250 kept"


def login(server, session, envelope, mechanism, data):
    right = getattr(data, "login", None) == b"ci" and getattr(data, "password", None) == b"right-password"
    return AuthResult(success=right, handled=right)


context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)


class Server(Controller):
    def factory(self):
        return SMTP(
            self.handler,
            hostname="localhost",
            tls_context=context,
            authenticator=login,
            auth_required=True,
            auth_require_tls=True,
            enable_SMTPUTF8=True,
        )


Server(Keeper(), hostname="127.0.0.1", port=port).start()
while True:
    time.sleep(3600)
