"""Read DynamoDB's answers without botocore's generic parser.

botocore walks every value of an answer through its model of the service: some 20 µs a value, so
seconds for a mailbox of ten thousand messages. DynamoDB's JSON already has the form we want. The
hook takes the items out of the answer before botocore parses what is left.
"""

from typing import Any

import msgspec
from botocore.parsers import ResponseParserError

_decode = msgspec.json.decode
_READS = ("GetItem", "BatchGetItem", "Query")


def read_items_raw(client: Any) -> None:
    """Let the client's reads return items as they came: binary values as base64 text."""
    for operation in _READS:
        client.meta.events.register(f"before-parse.dynamodb.{operation}", _take)


def _take(
    response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: object
) -> None:
    if response_dict["status_code"] >= 300:  # an error is botocore's to understand
        return
    try:
        customized_response_dict.update(_decode(response_dict["body"]))
    except msgspec.DecodeError as error:
        raise ResponseParserError(f"an answer that is no JSON: {error}") from error
    response_dict["body"] = b"{}"
