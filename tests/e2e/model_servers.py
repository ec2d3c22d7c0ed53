"""The demo's LLM servers and one more, whose chat template knows tools: llama.cpp, real weights, real grammars.

Run like `multillama.cli.demo_endpoints`, which says how it is spoken to.
"""

from typing import Any

from multillama.cli import demo_endpoints

TOOLS_MODEL = "smollm2-135m-tools"

# The model's own template does not show it any tools, and then llama.cpp ignores them. It learns from the template
# what a call looks like, and makes the grammar from that.
TEMPLATE = """\
{%- if tools %}<|im_start|>system
Functions that may be called:
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}To call one, say only its name and arguments as JSON: {"name": "...", "arguments": {}}<|im_end|>
{% endif %}{% for message in messages %}<|im_start|>{{ message.role }}
{% if message.content %}{{ message.content }}{% endif %}{% for call in message.tool_calls or [] %}\
{"name": "{{ call.function.name }}", "arguments": {{ call.function.arguments | tojson }}}{% endfor %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def start(weights: str) -> list[Any]:
    """Starts the demo's two servers and the one with tools."""
    import xllamacpp

    tools = demo_endpoints.parameters(weights, TOOLS_MODEL)
    tools.chat_template = TEMPLATE
    return [*demo_endpoints.start(weights), xllamacpp.Server(tools)]


if __name__ == "__main__":
    demo_endpoints.main(start)
