"""Rows: what the body says (RFC 8259, RFC 9110 §8.3, §8.4), and keys (RFC 9110 §11)."""

from tests.http.case import CHAT, HOST, LINE, Case, answered, bare, get, post, refused, served

DEEP = 100_000


def saying(name: str, body: bytes, *statuses: int, faults: tuple[int, ...] = (42,)) -> Case:
    """A sound request with a body we refuse in OpenAI's error shape."""
    return answered(name, "RFC 8259 §2", post(body=body), *(statuses or (400,)), faults=faults)


def passing(name: str, body: bytes, *, faults: tuple[int, ...] = (43,)) -> Case:
    """A body that only the endpoint may judge: it goes through byte for byte."""
    return served(name, "RFC 9110 §7.7", post(body=body), body=body, faults=faults)


NOT_JSON = (
    saying("a body of nothing", b""),
    saying("a body of blanks", b" \r\n "),
    saying("a body of words", b"hello"),
    saying("JSON that breaks off", b'{"model":"m"'),
    saying("JSON with a comma too many", b'{"model":"m",}'),
    saying("JSON with single quotes", b"{'model':'m'}"),
    saying("JSON with a comment", b'{"model":"m"/**/}'),
    saying("JSON and more behind it", b'{"model":"m"}x'),
    saying("two JSON values", b'{"model":"m"}{"model":"m"}'),
    saying("JSON with a byte order mark", b'\xef\xbb\xbf{"model":"m"}'),
    saying("JSON in UTF-16", '{"model":"m"}'.encode("utf-16")),
    saying("a name of bytes that are not UTF-8", b'{"model":"\xff"}'),
    saying("bytes that are not UTF-8", b'{"model":"m","x":"\xff"}'),
    saying("a name cut in a letter", b'{"model":"\xc3"}'),
    saying("a NUL behind the JSON", b'{"model":"m"}\0'),
    saying("a raw line end in a string", b'{"model":"m\n"}'),
    saying("NaN", b'{"model":"m","n":NaN}'),
    saying("Infinity", b'{"model":"m","n":-Infinity}'),
    saying("a number with a leading zero", b'{"model":"m","n":01}'),
    saying("a list", b'[{"model":"m"}]'),
    saying("a string", b'"m"'),
    saying("a number", b"1"),
    saying("null", b"null"),
    saying("lists too deep", b'{"x":' + b"[" * DEEP + b"]" * DEEP + b',"model":"m"}'),
    saying("objects too deep", b'{"x":' * DEEP + b"1" + b"}" * DEEP),
    saying("open lists too deep", b"[" * DEEP),
    saying("the model twice", b'{"model":"m","model":"m"}'),
    saying("the model twice with other names", b'{"model":"m","x":{"model":"q"},"model":"none"}'),
    saying("the model twice, once in escapes", b'{"model":"m","mod\\u0065l":"m"}'),
)

MEMBERS = (
    saying("no model", b'{"messages":[]}', faults=(43,)),
    saying("an empty model", b'{"model":""}', 400, 404, faults=(43,)),
    saying("a model of null", b'{"model":null}', faults=(43,)),
    saying("a model that is a number", b'{"model":1}', faults=(43,)),
    saying("a model that is a list", b'{"model":["m"]}', faults=(43,)),
    saying("a model that is an object", b'{"model":{"id":"m"}}', faults=(43,)),
    saying("a model that is true", b'{"model":true}', faults=(43,)),
    saying("a model that is inside", b'{"x":{"model":"m"}}', faults=(43,)),
    saying("an unknown model", b'{"model":"none"}', 404, faults=(43,)),
    saying("a model of 100 kB", b'{"model":"' + b"m" * 100_000 + b'"}', 400, 404, faults=(43,)),
    saying("a model of look-alike letters", '{"model":"ｍ"}'.encode(), 404, faults=(43,)),
    saying("a model with a blank", b'{"model":"m "}', 404, faults=(43,)),
    saying("a model in capitals", b'{"model":"M"}', 404, faults=(43,)),
    saying("a model with a line end", b'{"model":"m\\r\\nX: y"}', 400, 404, faults=(43,)),
    saying("a model of half a letter", b'{"model":"\\ud800"}', 400, 404, faults=(42,)),
    saying("stream as a string", b'{"model":"m","stream":"true"}', faults=(43,)),
    saying("stream as a number", b'{"model":"m","stream":1}', faults=(43,)),
    passing("the model in escapes", b'{"\\u006dodel":"\\u006d"}', faults=()),
    passing("a model inside and outside", b'{"x":{"model":"none"},"model":"m"}', faults=(42,)),
    passing("blanks around everything", b' \t\r\n{ "model" : "m" }\r\n ', faults=()),
    passing("a huge count", b'{"model":"m","n":1000000000}'),
    passing("a count below zero", b'{"model":"m","max_tokens":-1}'),
    passing("a float beyond all sense", b'{"model":"m","max_tokens":1e300}'),
    passing("an integer of 1,000 digits", b'{"model":"m","n":' + b"9" * 1_000 + b"}"),
    # RFC 8259 §8.2 lets a lone surrogate through its grammar and calls what follows unpredictable.
    saying("half a letter in a text", b'{"model":"m","x":"\\ud800"}'),
    passing("30,000 members", b'{"model":"m"' + b"".join(b',"k%d":0' % at for at in range(30_000)) + b"}", faults=(42,)),
    passing("a member twice that is not the model", b'{"model":"m","n":1,"n":2}', faults=(42,)),
    passing("another server in the body",
            b'{"model":"m","api_base":"http://192.0.2.1","base_url":"http://192.0.2.1","custom_llm_provider":"x"}',
            faults=(44,)),
    passing("a key in the body", b'{"model":"m","api_key":"k"}', faults=(44,)),
)  # fmt: skip

TYPES = (
    served("no Content-Type", "RFC 9110 §8.3", LINE + HOST + b"Content-Length: 27\r\n\r\n" + CHAT),
    served("a charset", "RFC 9110 §8.3", post().replace(b"application/json", b"application/json; charset=utf-8")),
    served("Content-Encoding: identity", "RFC 9110 §8.4", post(b"Content-Encoding: identity\r\n"), faults=(41,)),
    *(
        refused(f"Content-Encoding: {coding}", "RFC 9110 §15.5.16", post(b"Content-Encoding: %b\r\n" % coding.encode()), 415,
                faults=(41,))._replace(is_kept=None)
        for coding in ("gzip", "br", "zstd", "gzip, identity", "chunked", "cow")
    ),
    refused("a key in the query", "RFC 9110 §17.9", post(line=b"POST /v1/chat/completions?key=k HTTP/1.1\r\n"), 400)
    ._replace(is_kept=None, needs=(b"key_in_query",)),
    refused("a key in the query behind others", "RFC 9110 §17.9",
            post(line=b"POST /v1/chat/completions?a=b&api_key=k HTTP/1.1\r\n"), 400)._replace(is_kept=None, needs=(b"key_in_query",)),
)  # fmt: skip

RIGHT = b"Authorization: Bearer front-door\r\n"


def let_in(name: str, fields: bytes) -> Case:
    """The key is right; it is nobody else's business."""
    row = served(name, "RFC 9110 §11.6.2", post(fields))
    return row._replace(wants_key=True, lacks=(b"front-door",))


def kept_out(name: str, raw: bytes, *statuses: int, faults: tuple[int, ...] = ()) -> Case:
    row = refused(name, "RFC 9110 §15.5.2", raw, *(statuses or (401,)), faults=faults)
    return row._replace(wants_key=True, is_kept=None)


KEYS = (
    let_in("the key as a bearer", RIGHT),
    let_in("the key as a bearer in lower case", RIGHT.lower()),
    let_in("the key as x-api-key", b"x-api-key: front-door\r\n"),
    let_in("the key as api-key", b"api-key: front-door\r\n"),
    let_in("the key as x-goog-api-key", b"X-Goog-Api-Key: front-door\r\n"),
    let_in("the key in two fields", RIGHT + b"x-api-key: front-door\r\n"),
    let_in("a key's field that Connection names", b"Connection: x-api-key\r\nx-api-key: front-door\r\n")._replace(faults=(26,)),
    let_in("a key's field that Connection names, and close", b"Connection: close, x-api-key\r\nx-api-key: front-door\r\n")
    ._replace(is_kept=False, faults=(26,)),
    answered("the health needs no key", "RFC 9110 §11.6.2", get(), 200)._replace(wants_key=True),
    kept_out("no key", post()),
    kept_out("no key for the models", get(b"/v1/models")),
    kept_out("a wrong bearer", post(b"Authorization: Bearer wrong\r\n")),
    kept_out("a wrong x-api-key", post(b"x-api-key: wrong\r\n")),
    kept_out("a wrong api-key", post(b"api-key: wrong\r\n")),
    kept_out("a wrong x-goog-api-key", post(b"x-goog-api-key: wrong\r\n")),
    kept_out("an empty bearer", post(b"Authorization: Bearer \r\n")),
    kept_out("another scheme", post(b"Authorization: Basic front-door\r\n")),
    kept_out("no scheme", post(b"Authorization: front-door\r\n")),
    kept_out("a longer key", post(b"x-api-key: front-door2\r\n")),
    kept_out("a shorter key", post(b"x-api-key: front-doo\r\n")),
    kept_out("a key in capitals", post(b"x-api-key: FRONT-DOOR\r\n")),
    kept_out("a key of other bytes", post(b"x-api-key: \xff\xfe\r\n")),
    kept_out("a key of SQL", post(b"x-api-key: ' OR 1=1 --\r\n")),
    kept_out("a right and a wrong key", post(RIGHT + b"x-api-key: wrong\r\n"), 400, 401),
    kept_out("a right key in the query", get(b"/v1/models?key=front-door"), 400, 401),
    kept_out("a right key in x_api_key", post(b"x_api_key: front-door\r\n")),
    kept_out("a right key in a trailer",
             bare(b"Transfer-Encoding: chunked\r\n", b"1b\r\n" + CHAT + b"\r\n0\r\nx-api-key: front-door\r\n\r\n")),
    kept_out("a wrong key and an expectation", post(b"Expect: 100-continue\r\nx-api-key: wrong\r\n"), faults=(25,)),
    kept_out("a wrong key and a body that never comes",
             bare(b"Expect: 100-continue\r\nx-api-key: wrong\r\nContent-Length: 99\r\n"), faults=(25,)),
    kept_out("a wrong key and no JSON", post(b"x-api-key: wrong\r\n", b"hello")),
)  # fmt: skip

ROWS = NOT_JSON + MEMBERS + TYPES + KEYS
