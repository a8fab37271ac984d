"""How records and contexts are stored: compressed against a text of what nearly all of them say."""

import zlib

VERSION = 1
"""The first byte of what is packed: which dictionary it needs."""

_CONTEXTS = (
    '{"address":"2001:db8::","user_agent":"python-requests/2 okhttp/4 curl/8 Mozilla/5.0 (Macintosh; Intel Mac OS X '
    "10_15_7) (iPhone; CPU iPhone OS like Mac OS X) (X11; Linux x86_64) Version/ Mobile/ Gecko/20100101 Firefox/"
    '(Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/ Safari/537.36"}'
)
_RARE = (
    '"actor":{"app_name":"provisioner"},"actor":{"user":{"uid":"unknown"}},"src_endpoint":{"svc_name":"api"},"count":1'
    '"audit.search"audit.read","category_uid":1,"class_uid":1008,"log_name":"audit","type_uid":100899,"unmapped":'
    '{"resources":[{"type":"record","uid":"sessions.begin"sessions.refresh"sessions.create","category_uid":3,'
    '"class_uid":3002,"is_mfa":true,"service":{"name":"MiSentinel"},"session":{"is_mfa":true,"uid":"},"type_uid":300201,'
    '"user":{"uid":"workspaces.create"members.create"jobs.read"people.import"people.export"people.merge"attributes.'
    '"settings.update"accepted"not-found"forbidden"conflict"invalid"precondition-failed"rate-limited"replayed'
    '"severity_id":2,"status":"Failure","status_code":"unauthenticated","status_id":2,"type":"member"session"job"event"'
    '"resources":[{"data":{"fields":["address","attributes","created_at","display_name","email","external_id",'
    '"last_seen_at","locale","name","phone","role","status","tags","time_zone","updated_at"]},"type":"person","uid":"'
)
_USUAL = (
    '{"activity_id":2,"actor":{"session":{"is_mfa":true,"uid":"01a2"},"user":{"uid":"01a2"}},"api":{"operation":'
    '"people.create"people.delete"people.list"people.search"people.update"people.read","request":{"uid":"01a2"}},'
    '"category_uid":6,"class_uid":6003,"metadata":{"product":{"name":"MiSentinel","vendor_name":"MiSentinel"},'
    '"sequence":1,"tenant_uid":"","uid":"01a2","version":"1.8.0"},"resources":[{"data":{"fields":["email","name"]},'
    '"type":"person","uid":"01a2"}],"severity_id":1,"src_endpoint":{"uid":"5f2b"},"status":"Success","status_code":"ok",'
    '"status_id":1,"time":17,"type_uid":600302}'
)
DICTIONARIES = {VERSION: (_CONTEXTS + _RARE + _USUAL).encode()}
"""By version. What is stored can be read only with the very bytes it was packed with: a change is a new version."""

_FORMAT, _MEMORY = 15, 9
"""zlib's own format (RFC 1950): its checksums tell broken data and a wrong dictionary."""


class UnreadablePackError(ValueError):
    """It is not what `packed` makes, or longer than allowed once unpacked."""


def packed(text: str) -> bytes:
    """A text in the form in which it is stored: a byte of version, then zlib's format with a preset dictionary."""
    press = zlib.compressobj(9, zlib.DEFLATED, _FORMAT, _MEMORY, zlib.Z_DEFAULT_STRATEGY, DICTIONARIES[VERSION])
    return bytes([VERSION]) + press.compress(text.encode()) + press.flush()


def unpacked(data: bytes, limit: int) -> str:
    """The text that was packed.

    Parameters
    ----------
    limit
        Bytes that it may have; no more than that is ever unpacked.

    Raises
    ------
    UnreadablePackError
        Not packed, damaged, of a version unknown here, or longer than ``limit``.
    """
    dictionary = DICTIONARIES.get(data[0]) if data else None
    if dictionary is None:
        message = "of a version that is not known here"
        raise UnreadablePackError(message)
    press = zlib.decompressobj(_FORMAT, dictionary)
    try:
        text = press.decompress(data[1:], limit + 1)
        if len(text) <= limit and press.eof and not press.unused_data:
            return text.decode()
    except (zlib.error, UnicodeDecodeError) as error:
        message = f"damaged: {type(error).__name__}"
        raise UnreadablePackError(message) from error
    message = f"cut off, or more than {limit} bytes"
    raise UnreadablePackError(message)
