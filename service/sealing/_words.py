"""How a stored text begins, so that sealed rows, plain rows and rows of older keys can stand side by side.

cf1.KEY.BASE64   sealed with the key KEY: nonce, ciphertext, tag
cf0.TEXT         plain, of a text that itself begins like one of these
TEXT             plain
"""

SEALED, ESCAPED = "cf1.", "cf0."
KEY_PATTERN = r"^[A-Za-z0-9_-]{1,40}$"
# What is told instead of a key's id of a text that is not sealed.
PLAIN_KEY = ""


def key_of(stored: str) -> str:
    """Return the id of the key a stored text, or its first hundred characters, is sealed with; "" if it is plain."""
    return stored.split(".", 2)[1] if stored.startswith(SEALED) else PLAIN_KEY
