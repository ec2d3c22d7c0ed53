"""`data:` URLs, in which OpenAI's dialects hold images and files: bytes and what they are, in one text.

Source: RFC 2397.
"""

from multillama.core.canonical import Source

_MARK = ";base64,"


def source_of(url: str) -> Source:
    """Returns where the bytes are: in the URL itself, or behind it. What is not base64 stays a URL."""
    if not url.startswith("data:"):
        return Source(url=url)
    head, mark, data = url.partition(_MARK)
    if not mark:
        return Source(url=url)
    return Source(data=data, media_type=head[5:].partition(";")[0])


def data_url(data: str, media_type: str) -> str:
    """Returns the URL that holds these bytes, which are base64."""
    return f"data:{media_type}{_MARK}{data}"
