"""The providers: one row for each kind of LLM server, and the ways to find a row.

Add a provider by adding a row: base URLs, paths, credentials, listing, key detection and tests are
made from it. A server that no row knows is served by `GENERIC`. Pure data; nothing here talks to
anything.

Sources: the vendors' documentation and SDKs as of 2026-11, unless the row says otherwise.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

import msgspec

from multillama.providers.listing import (
    CLOUDFLARE,
    COHERE,
    DATABRICKS,
    OPENAI,
    Listing,
    Shape,
)

OPENAI_DIALECTS: Final = ("openai.chat", "openai.completions", "openai.embeddings")
NEWER: Final = ("openai.responses", "anthropic.messages")
"""What servers of OpenAI's dialect have learnt since 2025, some of them and by their version."""
_EMBEDDINGS: Final = ("openai.embeddings",)
"""Of whom serve no chat: embeddings, and what has no dialect of its own, such as rerank."""
_WITH_RESPONSES: Final = (*OPENAI_DIALECTS, "openai.responses")
_WITH_MESSAGES: Final = (*OPENAI_DIALECTS, "anthropic.messages")
_OLLAMA_DIALECTS: Final = (
    # Its own first: it takes `num_ctx`, `top_k` and more that its compatible paths ignore.
    "ollama.chat", "ollama.generate", "ollama.embed", "ollama.embeddings", "ollama.show",
    *OPENAI_DIALECTS,
)  # fmt: skip
_COUNT_TOKENS: Final = ("count_tokens",)
_AUTHS: Final = MappingProxyType({"gemini": "x-goog-api-key: "})
"""Google takes a key as `Bearer` on its OpenAI paths only: on its own that is an OAuth token, and refused."""

_NOTHING: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType({})


class Provider(msgspec.Struct, frozen=True):
    """One kind of LLM server."""

    name: str
    title: str
    """For people."""
    base: str
    """Base URL of the OpenAI operations, as its documentation gives it.

    `*` in the host stands for the customer's own part; an empty text for no fixed host at all.
    """
    keys: tuple[str, ...] = ()
    """Environment variables that conventionally hold its key, the best first."""
    hosts: tuple[str, ...] = ()
    """Further hosts it is recognised by; `*` stands for anything."""
    bases: Mapping[str, str] = MappingProxyType({})
    """Dialect, or its name before the point, to the path of its operations, where that is not the base's."""
    dialects: tuple[str, ...] = OPENAI_DIALECTS
    """What it speaks; what is asked in another dialect is translated into the first of these that can say it."""
    asks: tuple[str, ...] = ()
    """What it may speak besides, by its version: it is asked once."""
    ignores: Mapping[str, tuple[str, ...]] = _NOTHING
    """Dialect to what of it is not heard, as fields of `Request`: asked for in another dialect, or named as lost."""
    counts: tuple[str, ...] = ()
    """Operations that count tokens; where it has none, they are estimated."""
    keeps_responses: bool = False
    """Stores responses, so that `previous_response_id` means something to it."""
    auth: str = "authorization: Bearer "
    """The header line of the key, up to the key."""
    auths: Mapping[str, str] = _AUTHS
    """Dialect, or its name before the point, to that header line where it is another."""
    defaults: tuple[tuple[str, str], ...] = ()
    """Headers it needs, sent where the client sends none of that name."""
    listing: Listing = Listing()
    models: tuple[str, ...] = ()
    """Names to go by where it has no list of models."""
    id_prefix: str = ""
    """Stands before its models' ids in its own list; clients leave it out."""
    owners: tuple[str, ...] = ()
    """What its list says in `owned_by`, where that tells it from others."""
    probe: str = ""
    """A path that only this local runtime answers with 200."""
    shares_port: bool = False
    """Other runtimes use its port too, so the port alone proves nothing."""
    url_variable: str = ""
    """Environment variable that moves its key to another base URL."""
    general_key: bool = False
    """Its key opens other doors than models too, so it is never used unasked."""

    @property
    def path(self) -> str:
        """Path of the OpenAI operations."""
        return urlsplit(self.base).path

    @property
    def port(self) -> int | None:
        """Default port of a local runtime, None for a server elsewhere."""
        parts = urlsplit(self.base)
        return parts.port if parts.hostname == "localhost" else None


GENERIC: Final = Provider("openai-compatible", "OpenAI-compatible", "/v1", asks=NEWER)
"""Any server that speaks OpenAI's dialect."""


def _anthropic(path: str) -> Mapping[str, str]:
    return {"anthropic.messages": path}


def _listing(path: str, shape: Shape = OPENAI) -> Listing:
    return Listing(path, shape)


CLOUDS: Final = (
    Provider(
        "openai", "OpenAI", "https://api.openai.com/v1", ("OPENAI_API_KEY",),
        hosts=("*.api.openai.com",), url_variable="OPENAI_BASE_URL", dialects=_WITH_RESPONSES,
        counts=("input_tokens",), keeps_responses=True,
    ),
    Provider(
        # Bearer is taken by all three: /v1/messages and /v1/models (its SDK ≥ 2.0 sends it) and the
        # OpenAI layer. The list wants a version even from us; a client's own version wins.
        "anthropic", "Anthropic", "https://api.anthropic.com/v1", ("ANTHROPIC_API_KEY",),
        defaults=(("anthropic-version", "2023-06-01"),), listing=_listing("models?limit=1000"),
        url_variable="ANTHROPIC_BASE_URL", dialects=("anthropic.messages",), counts=_COUNT_TOKENS,
    ),
    Provider(
        "gemini", "Google Gemini", "https://generativelanguage.googleapis.com/v1beta/openai",
        ("GEMINI_API_KEY", "GOOGLE_API_KEY"), id_prefix="models/", bases={"gemini": "/v1beta"},
        dialects=("gemini", "gemini.embed", "gemini.batch_embed", "openai.chat", "openai.embeddings"),
        counts=("count_content",),
    ),
    Provider(
        "azure", "Azure OpenAI", "https://*.openai.azure.com/openai/v1", ("AZURE_OPENAI_API_KEY",),
        hosts=("*.services.ai.azure.com", "*.cognitiveservices.azure.com"), auth="api-key: ",
        bases=_anthropic("/anthropic/v1"), url_variable="AZURE_OPENAI_ENDPOINT", dialects=_WITH_RESPONSES,
        keeps_responses=True,
    ),
    Provider(
        "bedrock", "Amazon Bedrock", "https://bedrock-mantle.*.api.aws/v1",
        ("AWS_BEARER_TOKEN_BEDROCK",), dialects=_WITH_RESPONSES, keeps_responses=True,
    ),
    Provider(
        "openrouter", "OpenRouter", "https://openrouter.ai/api/v1", ("OPENROUTER_API_KEY",),
        hosts=("eu.openrouter.ai",), asks=NEWER,
    ),
    Provider("groq", "Groq", "https://api.groq.com/openai/v1", ("GROQ_API_KEY",), asks=("openai.responses",)),
    Provider(
        "mistral", "Mistral", "https://api.mistral.ai/v1", ("MISTRAL_API_KEY",),
        hosts=("codestral.mistral.ai",),
    ),
    Provider(
        "deepseek", "DeepSeek", "https://api.deepseek.com/v1", ("DEEPSEEK_API_KEY",),
        bases=_anthropic("/anthropic/v1"), dialects=_WITH_MESSAGES,
    ),
    Provider(
        "xai", "xAI", "https://api.x.ai/v1", ("XAI_API_KEY",), hosts=("*.api.x.ai",), asks=NEWER,
        keeps_responses=True,
    ),
    Provider(
        # its list is a bare JSON array
        "together", "Together", "https://api.together.ai/v1", ("TOGETHER_API_KEY",),
        hosts=("api.together.xyz",),
    ),
    Provider(
        "fireworks", "Fireworks", "https://api.fireworks.ai/inference/v1", ("FIREWORKS_API_KEY",),
        asks=NEWER,
    ),
    Provider(
        "perplexity", "Perplexity", "https://api.perplexity.ai",
        ("PERPLEXITY_API_KEY", "PERPLEXITYAI_API_KEY"), listing=_listing("/v1/models"),
        bases={"openai.responses": "/v1", "openai.embeddings": "/v1"},
        models=("sonar", "sonar-pro", "sonar-reasoning-pro", "sonar-deep-research"), dialects=_WITH_RESPONSES,
    ),
    Provider(
        "cohere", "Cohere", "https://api.cohere.ai/compatibility/v1",
        ("COHERE_API_KEY", "CO_API_KEY"), hosts=("api.cohere.com",), bases={"rerank": "/v2"},
        listing=_listing("/v1/models?page_size=1000", COHERE),
    ),
    Provider("cerebras", "Cerebras", "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",)),
    Provider("sambanova", "SambaNova", "https://api.sambanova.ai/v1", ("SAMBANOVA_API_KEY",)),
    Provider(
        "nvidia", "NVIDIA NIM", "https://integrate.api.nvidia.com/v1",
        ("NVIDIA_API_KEY", "NVIDIA_NIM_API_KEY"),
    ),
    Provider(
        "huggingface", "Hugging Face", "https://router.huggingface.co/v1", ("HF_TOKEN",),
        general_key=True,
    ),
    Provider(
        "github", "GitHub Models", "https://models.github.ai/inference", ("GITHUB_TOKEN",),
        listing=_listing("/catalog/models"), general_key=True,
    ),
    Provider("copilot", "GitHub Copilot", "https://api.githubcopilot.com"),
    Provider(
        "deepinfra", "DeepInfra", "https://api.deepinfra.com/v1/openai", ("DEEPINFRA_API_KEY",)
    ),
    Provider("novita", "Novita", "https://api.novita.ai/v3/openai", ("NOVITA_API_KEY",)),
    Provider(
        "nebius", "Nebius", "https://api.studio.nebius.ai/v1", ("NEBIUS_API_KEY",),
        hosts=("api.tokenfactory.nebius.com", "api.studio.nebius.com"),
    ),
    Provider("hyperbolic", "Hyperbolic", "https://api.hyperbolic.xyz/v1", ("HYPERBOLIC_API_KEY",)),
    Provider("lambda", "Lambda", "https://api.lambda.ai/v1", ("LAMBDA_API_KEY",), general_key=True),
    Provider(
        "featherless", "Featherless", "https://api.featherless.ai/v1", ("FEATHERLESS_API_KEY",)
    ),
    Provider("friendli", "Friendli", "https://api.friendli.ai/serverless/v1", ("FRIENDLI_TOKEN",)),
    Provider("baseten", "Baseten", "https://inference.baseten.co/v1", ("BASETEN_API_KEY",)),
    Provider("nscale", "Nscale", "https://inference.api.nscale.com/v1", ("NSCALE_API_KEY",)),
    Provider(
        "ovhcloud", "OVHcloud", "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
        ("OVHCLOUD_API_KEY",),
    ),
    Provider(
        "scaleway", "Scaleway", "https://api.scaleway.ai/v1", ("SCW_SECRET_KEY",), general_key=True
    ),
    Provider(
        "moonshot", "Moonshot", "https://api.moonshot.ai/v1", ("MOONSHOT_API_KEY",),
        hosts=("api.moonshot.cn",), bases=_anthropic("/anthropic/v1"), dialects=_WITH_MESSAGES,
    ),
    Provider(
        "zai", "Z.ai", "https://api.z.ai/api/paas/v4", ("ZAI_API_KEY",),
        bases=_anthropic("/api/anthropic/v1"), dialects=_WITH_MESSAGES,
    ),
    Provider(
        "bigmodel", "BigModel", "https://open.bigmodel.cn/api/paas/v4", ("BIGMODEL_API_KEY",),
        bases=_anthropic("/api/anthropic/v1"), dialects=_WITH_MESSAGES,
    ),
    Provider(
        "minimax", "MiniMax", "https://api.minimax.io/v1", ("MINIMAX_API_KEY",),
        bases=_anthropic("/anthropic/v1"), dialects=_WITH_MESSAGES,
    ),
    Provider(
        "dashscope", "Alibaba DashScope", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        ("DASHSCOPE_API_KEY",), hosts=("dashscope.aliyuncs.com", "dashscope-us.aliyuncs.com"),
    ),
    Provider(
        "volcengine", "Volcengine Ark", "https://ark.cn-beijing.volces.com/api/v3",
        ("ARK_API_KEY",), hosts=("ark.*.volces.com",),
    ),
    Provider(
        "siliconflow", "SiliconFlow", "https://api.siliconflow.com/v1", ("SILICONFLOW_API_KEY",),
        hosts=("api.siliconflow.cn",),
    ),
    Provider(
        "tencent", "Tencent", "https://tokenhub-intl.tencentcloudmaas.com/v1",
        ("TENCENT_API_KEY",), general_key=True,
    ),
    Provider(
        "modelscope", "ModelScope", "https://api-inference.modelscope.cn/v1",
        ("MODELSCOPE_API_KEY",),
    ),
    Provider("ai21", "AI21", "https://api.ai21.com/studio/v1", ("AI21_API_KEY",)),
    Provider("meta", "Meta", "https://api.meta.ai/v1", ("META_API_KEY",), general_key=True),
    Provider("llama-api", "Llama API", "https://api.llama.com/compat/v1", ("LLAMA_API_KEY",)),
    Provider(
        # the account is part of the path, so the user's own URL is the base
        "cloudflare", "Cloudflare Workers AI", "https://api.cloudflare.com",
        ("CLOUDFLARE_API_KEY",), general_key=True,
        listing=_listing("../models/search?per_page=1000", CLOUDFLARE),
    ),
    Provider(
        "databricks", "Databricks", "https://*.cloud.databricks.com/serving-endpoints",
        ("DATABRICKS_TOKEN",), hosts=("*.azuredatabricks.net", "*.gcp.databricks.com"),
        listing=_listing("/api/2.0/serving-endpoints", DATABRICKS), general_key=True,
    ),
    Provider(
        "snowflake", "Snowflake Cortex", "https://*.snowflakecomputing.com/api/v2/cortex/v1"
    ),
    Provider("vercel", "Vercel AI", "https://ai-gateway.vercel.sh/v1", ("AI_GATEWAY_API_KEY",)),
    Provider(
        "digitalocean", "DigitalOcean", "https://inference.do-ai.run/v1", ("GRADIENT_AI_API_KEY",)
    ),
    Provider(
        "wandb", "W&B", "https://api.inference.wandb.ai/v1", ("WANDB_API_KEY",), general_key=True
    ),
    Provider("venice", "Venice", "https://api.venice.ai/api/v1", ("VENICE_API_KEY",)),
    Provider("chutes", "Chutes", "https://llm.chutes.ai/v1", ("CHUTES_API_KEY",)),
    Provider("poe", "Poe", "https://api.poe.com/v1", ("POE_API_KEY",)),
    Provider("inception", "Inception", "https://api.inceptionlabs.ai/v1", ("INCEPTION_API_KEY",)),
    Provider("upstage", "Upstage", "https://api.upstage.ai/v1/solar", ("UPSTAGE_API_KEY",)),
    Provider(
        "jina", "Jina", "https://api.jina.ai/v1", ("JINA_API_KEY",), dialects=_EMBEDDINGS,
        models=("jina-embeddings-v3", "jina-embeddings-v4", "jina-reranker-v2-base-multilingual"),
    ),
    Provider(
        "voyage", "Voyage", "https://api.voyageai.com/v1", ("VOYAGE_API_KEY",), dialects=_EMBEDDINGS,
        models=(
            "voyage-3.5", "voyage-3.5-lite", "voyage-3-large", "voyage-code-3",
            "rerank-2.5", "rerank-2.5-lite",
        ),
    ),
    Provider("aiml", "AIML", "https://api.aimlapi.com/v1", ("AIML_API_KEY",)),
    Provider("cometapi", "CometAPI", "https://api.cometapi.com/v1", ("COMETAPI_API_KEY",)),
    Provider("nanogpt", "NanoGPT", "https://nano-gpt.com/api/v1", ("NANOGPT_API_KEY",)),
    Provider("aihubmix", "AIHubMix", "https://aihubmix.com/v1", ("AIHUBMIX_API_KEY",)),
    Provider("helicone", "Helicone", "https://ai-gateway.helicone.ai/v1", ("HELICONE_API_KEY",)),
    Provider(
        "ollama-cloud", "Ollama Cloud", "https://ollama.com/v1", ("OLLAMA_API_KEY",),
        bases={"ollama": "/api"}, dialects=_OLLAMA_DIALECTS,
    ),
)  # fmt: skip

LOCALS: Final = (
    Provider(
        "ollama", "Ollama", "http://localhost:11434/v1", owners=("library",), probe="/api/version",
        bases={"ollama": "/api"}, dialects=_OLLAMA_DIALECTS, asks=NEWER,
    ),
    Provider(
        # Its Chat holds a model to a JSON Schema; tests/e2e/compat sees that the other two do not (xllamacpp of the
        # lock file, November 2026).
        "llama.cpp", "llama.cpp", "http://localhost:8080/v1", owners=("llamacpp",), probe="/props",
        shares_port=True, asks=NEWER, counts=_COUNT_TOKENS,
        ignores={"openai.responses": ("format",), "anthropic.messages": ("format",)},
    ),
    Provider(
        "vllm", "vLLM", "http://localhost:8000/v1", owners=("vllm",), probe="/version",
        shares_port=True, asks=NEWER, counts=_COUNT_TOKENS,
    ),
    Provider("lemonade", "Lemonade", "http://localhost:8000/api/v1", owners=("lemonade",)),
    Provider(
        "sglang", "SGLang", "http://localhost:30000/v1", owners=("sglang",), probe="/get_model_info",
        asks=NEWER, counts=_COUNT_TOKENS,
    ),
    Provider(
        "lm-studio", "LM Studio", "http://localhost:1234/v1", bases={"lm-studio": "/api/v1"}, asks=NEWER,
        keeps_responses=True,
    ),
    Provider("tgi", "Text Generation Inference", "http://localhost:3000/v1", shares_port=True),
    Provider(
        "text-generation-webui", "text-generation-webui", "http://localhost:5000/v1",
        probe="/v1/internal/model/info", shares_port=True, asks=NEWER,
    ),
    Provider("tabbyapi", "TabbyAPI", "http://localhost:5000/v1", owners=("tabbyAPI",)),
    Provider("koboldcpp", "KoboldCpp", "http://localhost:5001/v1", owners=("koboldcpp",)),
    Provider("jan", "Jan", "http://localhost:1337/v1"),
    Provider("gpt4all", "GPT4All", "http://localhost:4891/v1"),
    Provider(
        "docker", "Docker Model Runner", "http://localhost:12434/engines/v1",
        hosts=("model-runner.docker.internal",), bases=_anthropic("/v1"), owners=("docker",), dialects=_WITH_MESSAGES,
    ),
    Provider("xinference", "Xinference", "http://localhost:9997/v1"),
    Provider("infinity", "Infinity", "http://localhost:7997/v1", owners=("infinity",)),
    Provider("litellm", "LiteLLM proxy", "http://localhost:4000/v1", asks=NEWER, keeps_responses=True),
)  # fmt: skip
"""Runtimes of one's own machine, known by port. Where a port is shared, the first row is the guess."""

PROVIDERS: Final = (*CLOUDS, *LOCALS, GENERIC)
BY_NAME: Final = {row.name: row for row in PROVIDERS}
BY_OWNER: Final = {owner: row for row in PROVIDERS for owner in row.owners}

_PATTERNS: Final = tuple(
    (pattern, row)
    for row in (*CLOUDS, *LOCALS)
    for pattern in (urlsplit(row.base).hostname or "", *row.hosts)
    if pattern != "localhost"
)
_BY_HOST: Final = {pattern: row for pattern, row in _PATTERNS if "*" not in pattern}
_WILD: Final = tuple(
    (head, tail, row)
    for pattern, row in _PATTERNS
    for head, star, tail in [pattern.partition("*")]
    if star
)
_BY_PORT: Final = {row.port: row for row in reversed(LOCALS)}


def recognise(url: str) -> Provider:
    """Tell by host, else by port, which provider a URL belongs to; `GENERIC` where neither tells.

    A row found by port is a guess: `identify` knows better once its models are listed.

    Raises:
        ValueError: It is not a URL.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if row := _BY_HOST.get(host):
        return row
    for head, tail, wild in _WILD:
        if host.startswith(head) and host.endswith(tail) and len(host) > len(head) + len(tail):
            return wild
    return _BY_PORT.get(parts.port, GENERIC)


def identify(guess: Provider, owner: str) -> Provider:
    """Correct a guess by what the server's list of models says in `owned_by`."""
    if guess.port is None and guess is not GENERIC:
        return guess
    return BY_OWNER.get(owner) or (GENERIC if guess.shares_port else guess)
