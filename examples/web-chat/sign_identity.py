"""Sign who a visitor is, on your site's server: pip install pyjwt."""

import sys
import time

import jwt


def sign_identity(secret: str, chat_id: str, user: str, name: str = "") -> str:
    """Return what goes into ``data-identity`` for a user who has signed in on your site."""
    claims = {"sub": user, "name": name, "aud": chat_id, "exp": int(time.time()) + 3600}
    return jwt.encode(claims, secret, algorithm="HS256")


if __name__ == "__main__":
    print(sign_identity(*sys.argv[1:]))
