import pytest

from multillama.core.canonical import (
    Audio,
    File,
    Foreign,
    Image,
    Message,
    Reasoning,
    Refusal,
    Request,
    Source,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)  # fmt: skip
from multillama.core.codec import Goal, Losses
from multillama.dialects.openai_chat.write_messages import write_messages
from multillama.dialects.openai_family.habits import habits_of


def rows(
    *messages: Message, provider="openai", family="anthropic", dialect="", losses=(), tools=()
) -> list[dict]:
    request = Request("m", list(messages), tools=list(tools), family=family, dialect=dialect)
    goal = Goal("m", provider, "openai", False, Losses())
    written = write_messages(request, goal, habits_of(provider))
    assert goal.losses.names == losses
    return written


def content(*parts, role="user", **options):
    return rows(Message(role, list(parts)), **options)[0]["content"]


def test_plain_text_is_one_text():
    assert content(Text("a")) == "a"
    assert content(Text("a"), Text("b")) == "a\nb"
    assert content(Text("a"), Text("b"), role="assistant") == "ab"
    assert content(Text("a"), Text("b"), role="assistant", family="openai") == "ab"
    assert content() == ""


def test_a_list_of_texts_of_the_family_stays_one():
    assert content(Text("a"), Text("b"), family="openai") == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b"},
    ]


@pytest.mark.parametrize(
    ("part", "row"),
    [
        (
            Image(Source(data="QQ==", media_type="image/jpeg"), "low"),
            {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,QQ==", "detail": "low"}},
        ),
        (Image(Source(url="https://a")), {"type": "image_url", "image_url": {"url": "https://a"}}),
        (
            Audio(Source(data="QQ==", media_type="audio/mpeg;rate=1")),
            {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "mp3"}},
        ),
        (Audio(Source(data="QQ==")), {"type": "input_audio", "input_audio": {"data": "QQ==", "format": "wav"}}),
        (
            File(Source(data="QQ==", media_type="application/pdf"), "a.pdf"),
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,QQ==", "filename": "a.pdf"}},
        ),
        (
            File(Source(data="QQ==")),
            {"type": "file", "file": {"file_data": "data:application/pdf;base64,QQ==", "filename": "document.pdf"}},
        ),
    ],
)  # fmt: skip
def test_parts_are_written(part, row):
    assert content(Text("see"), part) == [{"type": "text", "text": "see"}, row]


def test_a_document_of_text_is_text():
    assert content(File(Source(text="long"), "title"), Text("sum up")) == "title\n\nlong\nsum up"


@pytest.mark.parametrize(
    ("part", "loss"),
    [
        (Image(Source(file_id="f")), "image.file_id"),
        (Image(Source()), "image"),
        (Audio(Source(url="https://a")), "audio.url"),
        (Audio(Source(file_id="f")), "audio"),
        (File(Source(url="https://a")), "file.url"),
        (File(Source(file_id="f")), "file.file_id"),
        (Foreign("container_upload", {}), "foreign:container_upload"),
        (Reasoning("hm"), "messages.reasoning"),
        (ToolCall("c", "f"), "tool_calls"),
        (Text("a", extras={"citations": [1]}), "citations"),
        (Text("a", extras={"odd": 1}), "extras.odd"),
        (Text("a", "5m"), "cache"),
    ],
)
def test_what_has_no_place_is_lost_by_name(part, loss):
    content(Text("see"), part, losses=(loss,))


def test_what_the_family_knows_is_not_lost():
    video = {"type": "video_url", "video_url": {}}

    told = content(
        Text("a", extras={"odd": 1}), File(Source(file_id="f")), Foreign("video_url", video),
        family="openai", dialect="openai.chat",
    )  # fmt: skip

    assert told[1:] == [{"type": "file", "file": {"file_id": "f"}}, video]
    annotated = Text("a", extras={"phase": "x", "annotations": []})
    content(annotated, family="openai", dialect="openai.responses", losses=("citations",))
    content(Foreign("web_search_call", {}), family="openai", losses=("foreign:web_search_call",))


def test_openrouter_fetches_files():
    part = File(Source(url="https://a/b.pdf"), "b.pdf")

    assert content(part, provider="openrouter")[0]["file"] == {
        "file_data": "https://a/b.pdf", "filename": "b.pdf",
    }  # fmt: skip


def test_cache_markers_are_written_as_the_provider_takes_them():
    assert content(Text("a", "1h"), provider="openrouter")[0]["cache_control"] == {
        "type": "ephemeral", "ttl": "1h",
    }  # fmt: skip
    assert content(Text("a", "30m"), family="openai")[0]["prompt_cache_breakpoint"] == {
        "mode": "explicit", "ttl": "30m",
    }  # fmt: skip
    assert content(Text("a", ""), family="openai")[0]["prompt_cache_breakpoint"] == {
        "mode": "explicit"
    }


def test_a_developer_is_a_system_where_nobody_knows_the_role():
    message = Message("developer", [Text("a")])

    assert rows(message)[0]["role"] == "developer"
    assert rows(message, provider="vllm")[0]["role"] == "system"


def test_names_and_other_members_go_along():
    message = Message("user", [Text("a")], "ann", {"odd": 1})

    own = rows(message, family="openai", dialect="openai.chat")[0]
    items = Message("user", [Text("a")], extras={"id": "msg_1", "status": "completed"})
    assert own == {"role": "user", "content": "a", "name": "ann", "odd": 1}
    assert rows(items, family="openai", dialect="openai.responses") == [
        {"role": "user", "content": "a"}
    ]
    rows(message, provider="groq", losses=("name", "extras.odd"))


def test_an_answer_of_the_model_is_written():
    call, custom = ToolCall("c", "f"), ToolCall("d", "g", "x", True)

    row = rows(Message("assistant", [Text("a"), call, custom, Refusal("no")]))[0]

    assert row == {
        "role": "assistant",
        "content": "a",
        "refusal": "no",
        "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}},
            {"id": "d", "type": "custom", "custom": {"name": "g", "input": "x"}},
        ],
    }
    assert rows(Message("assistant", [call]))[0]["content"] is None
    assert rows(Message("assistant", []))[0]["content"] == ""
    assert rows(Message("user", [Refusal("no")]))[0]["content"] == "no"


@pytest.mark.parametrize(
    ("provider", "members", "losses"),
    [
        ("deepseek", {"reasoning_content": "hm"}, ()),
        ("llama.cpp", {"reasoning_content": "hm"}, ()),
        ("ollama", {"reasoning": "hm"}, ()),
        (
            "openrouter",
            {
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "hm", "signature": "s", "index": 0}
                ]
            },
            (),
        ),
        ("openai", {}, ("messages.reasoning",)),
        ("gemini", {}, ("messages.reasoning",)),
    ],
)
def test_earlier_reasoning_is_written_where_it_is_wanted(provider, members, losses):
    row = rows(
        Message("assistant", [Reasoning("hm", "s"), Text("a")]), provider=provider, losses=losses
    )[0]

    assert row == {"role": "assistant", "content": "a", **members}


def test_google_gets_the_signatures_of_its_calls_back_and_nobody_else():
    message = Message(
        "assistant", [Reasoning("", "s"), ToolCall("c", "f", extras={"extra_content": {"a": 1}})]
    )

    signed = rows(message, provider="gemini")[0]["tool_calls"][0]
    bare = rows(message)[0]["tool_calls"][0]

    assert signed["extra_content"] == {"a": 1, "google": {"thought_signature": "s"}}
    assert "extra_content" not in bare
    assert rows(Message("assistant", [Reasoning("", "s"), Text("a")]))[0]["content"] == "a"


def test_results_of_tools_are_messages_of_their_own():
    results = Message(
        "tool",
        [ToolResult("c", [Text("a"), Text("b")]), ToolResult("d", [Text("x")], is_error=True)],
    )

    assert rows(results) == [
        {"role": "tool", "tool_call_id": "c", "content": "a\nb"},
        {"role": "tool", "tool_call_id": "d", "content": "Error: x"},
    ]


def test_images_of_tools_follow_behind_all_results():
    image = Image(Source(url="https://a"))
    first = Message("tool", [ToolResult("c", [Text("see"), image]), Text("odd")])
    second = Message("tool", [ToolResult("d", [File(Source(text="doc"))], cache="5m")])

    told = rows(first, second, Message("user", [Text("go on")]), losses=("cache",))

    assert [row["role"] for row in told] == ["tool", "tool", "user", "user"]
    assert told[1]["content"] == "doc"
    assert told[2]["content"] == [
        {"type": "image_url", "image_url": {"url": "https://a"}},
        {"type": "text", "text": "odd"},
    ]


def test_what_tools_show_is_told_at_the_end_too():
    foreign = Message("tool", [ToolResult("c", [Foreign("x", {})])])

    assert [row["role"] for row in rows(foreign, losses=("foreign:x",))] == ["tool"]
    image = Message("tool", [ToolResult("c", [Image(Source(url="https://a"))])])
    assert [row["role"] for row in rows(image)] == ["tool", "user"]


@pytest.mark.parametrize(
    ("provider", "id_", "is_kept"),
    [
        ("mistral", "abcDEF123", True),
        ("mistral", "toolu_0123456789", False),
        ("openai", "c" * 40, True),
        ("openai", "c" * 41, False),
        ("vllm", "c" * 100, True),
    ],
)
def test_ids_are_made_such_as_the_provider_takes_them(provider, id_, is_kept):
    call = Message("assistant", [ToolCall(id_, "f")])
    result = Message("tool", [ToolResult(id_, [Text("a")])])

    told = rows(call, result, provider=provider)

    written = told[0]["tool_calls"][0]["id"]
    assert written == told[1]["tool_call_id"]
    assert (written == id_) is is_kept
    if provider == "mistral":
        assert len(written) == 9
        assert written.isalnum()
    if provider == "openai":
        assert len(written) <= 40


def test_a_client_that_speaks_of_functions_is_told_as_one():
    call = Message("assistant", [ToolCall("c", "f", "{}")])
    result = Message("tool", [ToolResult("c", [Text("a")], "f")])

    assert rows(call, result, tools=[Tool("f", is_legacy=True)]) == [
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "a"},
    ]
