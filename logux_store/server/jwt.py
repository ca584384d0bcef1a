"""Authentication by JSON Web Tokens.

Invariants: the algorithm is the server's choice, never the token's; a token is good for one user,
its subject, and not longer than it says, on open connections too.
"""

from collections.abc import Callable, Iterable
from typing import Any

import jwt

from logux_store.server.server_client import ServerClient

__all__ = ["jwt_auth"]

Authenticate = Callable[..., bool]


def jwt_auth(
    secret_or_key: Any,
    *,
    algorithms: Iterable[str] = ("HS256",),
    audience: str | Iterable[str] | None = None,
    issuer: str | None = None,
    leeway: float = 0.0,
    anonymous: bool = False,
) -> Authenticate:
    """An authenticator for `server.auth` that accepts a signed token whose subject is the user id.

    `secret_or_key` is the secret of an HMAC algorithm, or the public key of another; `algorithms`
    are those that a token may be signed with. `audience` must be among the token's `aud`, and a
    token that has one is refused without it; `issuer` must be its `iss`. `leeway` (seconds) is
    how long after its `exp` a token is still good; then the connection is closed. The user id
    `anonymous` is accepted, without a token, only if `anonymous` says so; `server` never is.

    Raises ValueError without a secret, for the algorithm `none` or one that there is not, and for
    algorithms of both kinds, HMAC and others.
    """
    accepted = [algorithms] if isinstance(algorithms, str) else [*algorithms]
    if not accepted or any(name.lower() == "none" for name in accepted):
        raise ValueError(f"algorithms are those that tokens are signed with, not {accepted!r}")
    known = jwt.algorithms.get_default_algorithms()
    for name in accepted:
        if name not in known:
            raise ValueError(
                f"PyJWT has no algorithm {name!r} here; those with public keys need the package "
                "cryptography"
            )
    if len({name.startswith("HS") for name in accepted}) > 1:
        raise ValueError(
            f"{accepted!r} would take a public key, which everybody knows, for a secret"
        )
    if not secret_or_key:
        raise ValueError("jwt_auth() without a secret or a key would let everybody in")
    audiences = audience if audience is None or isinstance(audience, str) else [*audience]

    def authenticate(user_id: str | None, token: str | None, client: ServerClient) -> bool:
        if user_id == "anonymous":
            return anonymous
        if token is None or user_id is None or user_id == "server":
            return False
        try:
            claims = jwt.decode(
                token,
                secret_or_key,
                algorithms=accepted,
                audience=audiences,
                issuer=issuer,
                leeway=leeway,
                options={"require": ["sub"]},
            )
        except (jwt.InvalidTokenError, UnicodeEncodeError):
            # The second is half a character, which JSON can bring.
            return False
        if claims["sub"] != user_id:
            return False
        if "exp" in claims:
            client.expire_at(float(claims["exp"]) + leeway)
        return True

    return authenticate
