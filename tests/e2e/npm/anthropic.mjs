// `@anthropic-ai/sdk` as a judge: node anthropic.mjs URL MODEL TOOLS_MODEL
import Anthropic from "@anthropic-ai/sdk";
import { CITY, judge, QUESTION, REPEAT } from "./judge.mjs";

const [url, model, toolsModel] = process.argv.slice(2);
const client = new Anthropic({ baseURL: url, apiKey: "none", maxRetries: 0, timeout: 60_000 });
const says = (content) => [{ role: "user", content }];
const ask = (more = {}) => ({ model, max_tokens: 24, temperature: 0, messages: says(QUESTION), ...more });
const tool = { name: "get_weather", description: "The weather of a city", input_schema: CITY };
const forced = () =>
  ask({ model: toolsModel, messages: says(REPEAT), max_tokens: 48, tools: [tool], tool_choice: { type: "any" } });

await judge({
  async text() {
    const message = await client.messages.create(ask());
    return { text: message.content[0].text, stop: message.stop_reason, usage: message.usage, role: message.role };
  },
  async stream() {
    const pieces = [];
    const stream = client.messages.stream(ask()).on("text", (piece) => pieces.push(piece));
    const message = await stream.finalMessage();
    return { pieces: pieces.length, text: pieces.join(""), whole: message.content[0].text,
             stop: message.stop_reason, usage: message.usage };
  },
  async system() {
    const short = await client.messages.countTokens({ model, messages: ask().messages });
    const { usage } = await client.messages.create(ask({ system: "You are brief. ".repeat(20), max_tokens: 2 }));
    return { grew: usage.input_tokens + (usage.cache_read_input_tokens ?? 0) - short.input_tokens };
  },
  async turns() {
    const messages = [
      { role: "user", content: "My name is Ada." },
      { role: "assistant", content: "Hello Ada." },
      { role: "user", content: [{ type: "text", text: "What is my name?" }] },
    ];
    return (await client.messages.create(ask({ messages }))).stop_reason;
  },
  async tool() {
    const message = await client.messages.create(forced());
    const call = message.content.find((part) => part.type === "tool_use");
    return { name: call.name, input: call.input, stop: message.stop_reason };
  },
  async streamed_tool() {
    const message = await client.messages.stream(forced()).finalMessage();
    const call = message.content.find((part) => part.type === "tool_use");
    return { name: call.name, input: call.input, stop: message.stop_reason };
  },
  async tool_result() {
    const messages = [
      ask().messages[0],
      { role: "assistant", content: [{ type: "tool_use", id: "toolu_1", name: "get_weather", input: { city: "Paris" } }] },
      { role: "user", content: [{ type: "tool_result", tool_use_id: "toolu_1", content: "It is sunny." }] },
    ];
    const message = await client.messages.create(ask({ model: toolsModel, messages, tools: [tool] }));
    return { role: message.role, tokens: message.usage.output_tokens };
  },
  async structured() {
    const output_config = { format: { type: "json_schema", schema: CITY } };
    return JSON.parse((await client.messages.create(ask({ output_config, max_tokens: 48 }))).content[0].text);
  },
  async count() {
    return (await client.messages.countTokens({ model, messages: ask().messages })).input_tokens;
  },
  async models() {
    const ids = [];
    for await (const one of client.models.list()) ids.push(one.id);
    return ids;
  },
  async model() {
    const one = await client.models.retrieve(model);
    return { id: one.id, type: one.type };
  },
  unknown_model: () => client.messages.create(ask({ model: "smollm3" })),
  too_long: () =>
    client.messages.create(ask({ messages: says("word ".repeat(12_000)) })),
  async cancel() {
    const stream = client.messages.stream(ask({ max_tokens: 4000, messages: says("Tell a long story.") }));
    for await (const event of stream) if (event.type === "content_block_delta") break;
    return stream.controller.signal.aborted;
  },
});
