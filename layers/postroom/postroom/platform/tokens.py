"""Port: access tokens of an authorization server (OAuth 2.0), as XOAUTH2 and OAUTHBEARER bring."""

from typing import Protocol


class Tokens(Protocol):
    def account(self, token: str) -> str | None:
        """Return the address of the account that the token stands for, in the server's spelling.

        None for a token that is expired, forged, of another issuer or for another audience. Slow
        (a signature is verified). Raises StoreUnavailable when the keys cannot be had.
        """
