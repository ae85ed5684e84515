"""A small OpenID Connect provider on this machine, which says who logs in as a test wishes."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "blastlens", "the secret of the client"


@dataclass
class Provider:
    """Who logs in next, and how the identity token is spoilt."""

    claims: dict[str, Any] = field(default_factory=dict)  # of the next log-in
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1"}))
    signing_key: RSAKey | None = None  # another one than is published
    issuer: str = ""
    asked: list[dict[str, str]] = field(default_factory=list)  # requests of a log-in
    codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def token(self, request: dict[str, str]) -> str:
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 300}
        claims |= {"nonce": request["nonce"], **self.claims}
        return jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.signing_key or self.key)

    def secrets_toml(self, app_url: str) -> str:
        """The secrets of an app that people log in to with this provider."""
        return (
            f'[auth]\nredirect_uri = "{app_url}/oauth2callback"\n'
            f'cookie_secret = "{secrets.token_hex(32)}"\n'
            f'client_id = "{CLIENT}"\nclient_secret = "{SECRET}"\n'
            f'server_metadata_url = "{self.issuer}/.well-known/openid-configuration"\n'
        )


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path == "/authorize":
                request = {name: values[0] for name, values in parse_qs(url.query).items()}
                provider.asked.append(request)
                code = secrets.token_urlsafe()
                provider.codes[code] = request
                answer = urlencode({"code": code, "state": request["state"]})
                self.send_response(302)
                self.send_header("Location", f"{request['redirect_uri']}?{answer}")
                self.end_headers()
            elif url.path == "/keys":
                self._answer({"keys": [provider.key.as_dict(private=False)]})
            else:
                self._answer(
                    {
                        "issuer": provider.issuer,
                        "authorization_endpoint": f"{provider.issuer}/authorize",
                        "token_endpoint": f"{provider.issuer}/token",
                        "jwks_uri": f"{provider.issuer}/keys",
                        "code_challenge_methods_supported": ["S256"],
                        "id_token_signing_alg_values_supported": ["RS256"],
                    }
                )

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            request = provider.codes.pop(form["code"])  # good for one time
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            named = base64.b64decode(self.headers["Authorization"].removeprefix("Basic "))
            assert challenge == request["code_challenge"] and named.startswith(CLIENT.encode())
            self._answer(
                {
                    "access_token": "unused",
                    "token_type": "Bearer",
                    "id_token": provider.token(request),
                }
            )

        def _answer(self, document: dict[str, Any]) -> None:
            data = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler


@contextmanager
def serve() -> Iterator[Provider]:
    """The provider, at a free port of this machine."""
    provider = Provider()
    server = ThreadingHTTPServer(("localhost", 0), _handler(provider))
    provider.issuer = f"http://localhost:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
