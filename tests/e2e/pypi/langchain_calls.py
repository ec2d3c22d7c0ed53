"""Runs in LangChain's environment: calls the model at URL through one of its integrations and prints facts as JSON.

Arguments: the gateway's URL and the integration's name.
"""

import json
import sys
from functools import reduce
from operator import add

from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool

MODEL, EMBEDDINGS = "smollm2-135m-tools", "smollm2-135m-embed"
QUESTION = "What is the capital of France? Answer in one sentence."
WEATHER_IN_PARIS = HumanMessage("What is the weather in Paris?")


def integration(name, url):
    """Imports no other than the one: each takes a second."""
    key = {"api_key": "none", "max_retries": 0}
    same = {"model": MODEL, "temperature": 0, "base_url": url}
    if name == "anthropic":
        from langchain_anthropic import ChatAnthropic

        return ChatAnthropic(**same, **key, max_tokens=40)
    if name == "google-genai":
        from langchain_google_genai import ChatGoogleGenerativeAI

        return ChatGoogleGenerativeAI(**same, **key, max_output_tokens=40)
    if name == "ollama":
        from langchain_ollama import ChatOllama

        return ChatOllama(**same, num_predict=40)
    from langchain_openai import ChatOpenAI

    more = {"base_url": f"{url}/v1", "max_tokens": 40, "use_responses_api": name == "responses"}
    return ChatOpenAI(**same | key | more)


def embedder(name, url):
    same = {"model": EMBEDDINGS, "base_url": url}
    if name == "google-genai":
        from langchain_google_genai import GoogleGenerativeAIEmbeddings

        return GoogleGenerativeAIEmbeddings(**same, api_key="none")
    if name == "ollama":
        from langchain_ollama import OllamaEmbeddings

        return OllamaEmbeddings(**same)
    from langchain_openai import OpenAIEmbeddings

    # Otherwise it would send numbers of tokens, counted with a table that it fetches.
    more = {"base_url": f"{url}/v1", "api_key": "none", "check_embedding_ctx_length": False}
    return OpenAIEmbeddings(**same | more)


@tool
def weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"rain in {city}"


def earlier_turns():
    """Turns that show a model this small how to call, and that carry calls and results through the gateway."""
    for city, told in (("Rome", "sunny"), ("Oslo", "snow")):
        call = {"name": "weather", "args": {"city": city}, "id": f"call_{city}"}
        yield HumanMessage(f"What is the weather in {city}?")
        yield AIMessage("", tool_calls=[call])
        yield ToolMessage(told, tool_call_id=call["id"], name="weather")
        yield AIMessage(f"The weather in {city} is {told}.")


def calls_of(message):
    return [[call["name"], call["args"]] for call in message.tool_calls]


def with_tools(model):
    turns = [*earlier_turns(), WEATHER_IN_PARIS]
    # LangChain has no choice of tools for Ollama, as Ollama has none
    choice = {} if type(model).__name__ == "ChatOllama" else {"tool_choice": "any"}
    bound = model.bind_tools([weather], **choice)
    called = bound.invoke(turns)
    streamed = reduce(add, bound.stream(turns))
    result = ToolMessage("rain", tool_call_id=called.tool_calls[0]["id"], name="weather")
    told = model.bind_tools([weather]).invoke([*turns, called, result])
    return {
        "called": calls_of(called),
        "called_in_stream": calls_of(streamed),
        "told": told.text,
    }


def chat(model):
    answer = model.invoke([("system", "Be brief."), ("user", QUESTION)])
    parts = list(model.stream(QUESTION))
    return {
        "text": answer.text,
        "tokens": [answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"]],
        "parts": len(parts),
        "streamed": reduce(add, parts).text,
    }


def embed(name, url):
    maker = embedder(name, url)
    documents = maker.embed_documents(["a cat", "a dog"])
    return {"sizes": [len(vector) for vector in documents], "cat": maker.embed_query("a cat")}


def main():
    url, wanted = sys.argv[1:]
    name, _, what = wanted.partition(" ")
    if what == "embed":
        return embed(name, url)
    model = integration(name, url)
    return chat(model) | with_tools(model)


if __name__ == "__main__":
    print(json.dumps(main()))
