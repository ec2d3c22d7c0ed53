import base64

import pytest

from multillama.core.canonical import Audio, File, Image, Message, Request, Source, Text
from tests.dialects.gemini.saying import again, read, write

READ = {
    "an image": (
        {"inlineData": {"mimeType": "image/png", "data": "iVBO"}},
        Image(Source(data="iVBO", media_type="image/png")),
    ),
    "bytes of the other alphabet, in the other spelling": (
        {"inline_data": {"mime_type": "audio/wav", "data": "a-_"}},
        Audio(Source(data="a+/=", media_type="audio/wav")),
    ),
    "a named document": (
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBE", "displayName": "a.pdf"}},
        File(Source(data="JVBE", media_type="application/pdf"), "a.pdf"),
    ),
    "a named image": (
        {"inlineData": {"mimeType": "image/png", "data": "iVBO", "displayName": "a"}},
        Image(
            Source(data="iVBO", media_type="image/png"),
            extras={"inlineData": {"displayName": "a"}},
        ),
    ),
    "an image on the web": (
        {"fileData": {"fileUri": "https://a.example/b.PNG?c#d"}},
        Image(Source(url="https://a.example/b.PNG?c#d")),
    ),
    "a video on the web, cut": (
        {
            "fileData": {"fileUri": "https://youtu.be/a", "mimeType": "video/*"},
            "videoMetadata": {"fps": 2},
        },
        File(
            Source(url="https://youtu.be/a", media_type="video/*"),
            extras={"videoMetadata": {"fps": 2}},
        ),
    ),
    "a file that Google keeps": (
        {
            "fileData": {
                "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/a",
                "mimeType": "image/png",
            }
        },
        Image(
            Source(
                file_id="https://generativelanguage.googleapis.com/v1beta/files/a",
                media_type="image/png",
            )
        ),
    ),
    "a file in a bucket": (
        {"fileData": {"fileUri": "gs://a/b", "mimeType": "text/csv"}},
        File(Source(file_id="gs://a/b", media_type="text/csv")),
    ),
}


@pytest.mark.parametrize("case", READ)
def test_media_are_read_by_their_types(case):
    part, wanted = READ[case]

    request = read(contents=[{"parts": [part]}])

    assert request.messages == [Message("user", [wanted])]


@pytest.mark.parametrize(
    "case", [case for case in READ if "spelling" not in case and "on the web" not in case]
)
def test_media_come_back_as_they_were(case):
    part, _ = READ[case]

    assert again(contents=[{"role": "user", "parts": [part]}])["contents"][0]["parts"] == [part]


def test_media_of_no_type_come_back_with_none():
    part = {"fileData": {"fileUri": "https://a.example/b"}}

    assert again(contents=[{"role": "user", "parts": [part]}])["contents"][0]["parts"] == [part]


def inline(media_type, data):
    return {"inlineData": {"mimeType": media_type, "data": data}}


def at(uri, media_type):
    return {"fileData": {"fileUri": uri, "mimeType": media_type}}


JPEG = "/9j/4AAQ"
RIFF = "UklGRg=="
WRITTEN = {
    "an image": (
        Image(Source(data="AAAA", media_type="image/webp")),
        inline("image/webp", "AAAA"),
        (),
    ),
    "an image of no known type": (Image(Source(data=JPEG)), inline("image/jpeg", JPEG), ()),
    "an image in a frame that sounds have, too": (
        Image(Source(data=RIFF)),
        inline("image/webp", RIFF),
        (),
    ),
    "a sound in that frame": (Audio(Source(data=RIFF)), inline("audio/wav", RIFF), ()),
    "an image that tells nothing": (Image(Source(data="AAAA")), inline("image/jpeg", "AAAA"), ()),
    "an image on the web": (
        Image(Source(url="https://a.example/b.gif?c")),
        at("https://a.example/b.gif?c", "image/gif"),
        (),
    ),
    "an image to look at closely": (
        Image(Source(url="https://a.example/b"), detail="high"),
        at("https://a.example/b", "image/jpeg"),
        ("image.detail",),
    ),
    "a document with a name": (
        File(Source(data="AAAA"), "a.csv"),
        inline("text/csv", "AAAA"),
        ("file.name",),
    ),
    "a document of plain text": (
        File(Source(text="Grüße", media_type="text/plain")),
        inline("text/plain", base64.b64encode("Grüße".encode()).decode()),
        (),
    ),
    "an image with a mark to keep it": (
        Image(Source(data="iVBORw=="), cache="5m"),
        inline("image/png", "iVBORw=="),
        ("cache",),
    ),
    "another provider's file": (File(Source(file_id="file-1")), None, ("file.file_id",)),
}


@pytest.mark.parametrize("case", WRITTEN)
def test_media_of_others_are_written_with_a_type(case):
    part, wanted, lost = WRITTEN[case]
    request = Request("m", [Message("user", [Text("a"), part])], family="openai")

    body, names = write(request)

    rows = body["contents"][0]["parts"]
    assert (rows[1:], names) == ([wanted] if wanted else [], lost)
