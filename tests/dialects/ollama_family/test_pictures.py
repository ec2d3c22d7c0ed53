from base64 import b64encode

import pytest

from multillama.core.canonical import Audio, Image, Source
from multillama.core.codec import Misfit
from multillama.dialects.ollama_family.pictures import media_type_of, read_picture


@pytest.mark.parametrize(
    ("start", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF1234WEBPVP8 ", "image/webp"),
        (b"RIFF1234WAVEfmt ", "audio/wav"),
        (b"RIFF1234AVI ", ""),
        (b"ID3\x04", "audio/mpeg"),
        (b"what is this", ""),
        (b"", ""),
    ],
)
def test_first_bytes_tell_what_they_are(start, media_type):
    assert media_type_of(b64encode(start + bytes(12)).decode()) == media_type


def test_a_sound_stands_among_the_images():
    data = b64encode(b"RIFF1234WAVEfmt ").decode()

    assert read_picture(data, "images[0]") == Audio(Source(data, media_type="audio/wav"))


def test_a_data_url_is_taken_for_its_bytes():
    assert read_picture("data:image/gif;base64,AAAA", "images[0]") == Image(
        Source("AAAA", media_type="image/gif")
    )


@pytest.mark.parametrize("value", ["https://example.com/a.png", 7, None, "äöü"])
def test_what_is_no_base64_is_refused(value):
    with pytest.raises(Misfit, match=r"images\[0\]"):
        read_picture(value, "images[0]")
