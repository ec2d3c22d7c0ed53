"""Runs in LiteLLM's environment: calls the model at URL through one of its providers and prints facts as JSON.

Arguments: the gateway's URL and the provider's prefix.
"""

import json
import sys

import litellm

MODEL, EMBEDDINGS = "smollm2-135m-tools", "smollm2-135m-embed"
QUESTION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is the capital of France? Answer in one sentence."},
]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells the weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}
BASES = {
    "openai": "/v1",
    "openai/responses": "/v1",
    "anthropic": "",
    "gemini": "/v1beta",
    "ollama_chat": "",
    "ollama": "",
}


def turns():
    """Turns that show a model this small how to call, and that carry calls and results through the gateway."""
    for city, told in (("Rome", "sunny"), ("Oslo", "snow")):
        function = {"name": "weather", "arguments": json.dumps({"city": city})}
        call = {"id": f"call_{city}", "type": "function", "function": function}
        yield {"role": "user", "content": f"What is the weather in {city}?"}
        yield {"role": "assistant", "content": None, "tool_calls": [call]}
        yield {"role": "tool", "tool_call_id": call["id"], "name": "weather", "content": told}
        yield {"role": "assistant", "content": f"The weather in {city} is {told}."}
    yield {"role": "user", "content": "What is the weather in Paris?"}


def chat(same):
    answer = litellm.completion(messages=QUESTION, **same)
    chunks = list(
        litellm.completion(
            messages=QUESTION, stream=True, stream_options={"include_usage": True}, **same
        )
    )
    joined = litellm.stream_chunk_builder(chunks)
    return {
        "text": answer.choices[0].message.content,
        "stop": answer.choices[0].finish_reason,
        "output_tokens": answer.usage.completion_tokens,
        "chunks": len(chunks),
        "streamed": joined.choices[0].message.content,
        "streamed_tokens": joined.usage.completion_tokens,
    }


def call(same):
    choice = {} if same["model"].startswith("ollama") else {"tool_choice": "required"}
    answer = litellm.completion(messages=list(turns()), tools=[WEATHER], **choice, **same)
    calls = [made.function for made in answer.choices[0].message.tool_calls or []]
    return {"called": [[made.name, json.loads(made.arguments)] for made in calls]}


def main():
    url, wanted = sys.argv[1:]
    prefix, _, what = wanted.partition(" ")
    at = {"api_base": url + BASES[prefix], "api_key": "none", "timeout": 50}
    if what == "embed":
        made = litellm.embedding(model=f"{prefix}/{EMBEDDINGS}", input=["a cat", "a dog"], **at)
        return {"sizes": [len(row["embedding"]) for row in made.data]}
    same = at | {"model": f"{prefix}/{MODEL}", "max_tokens": 40, "temperature": 0, "num_retries": 0}
    return chat(same) | call(same)


if __name__ == "__main__":
    print(json.dumps(main()))
