// `openai` as a judge: node openai.mjs URL MODEL TOOLS_MODEL EMBEDDINGS_MODEL
import OpenAI from "openai";
import { CITY, judge, QUESTION, REPEAT } from "./judge.mjs";

const [url, model, toolsModel, embeddingsModel] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "none", maxRetries: 0, timeout: 60_000 });
const messages = [{ role: "user", content: QUESTION }];
const chat = (more = {}) => ({ model, messages, max_tokens: 24, temperature: 0, ...more });
const respond = (more = {}) => ({ model, input: QUESTION, max_output_tokens: 24, temperature: 0, ...more });
const weather = { name: "get_weather", description: "The weather of a city", parameters: CITY };
const forced = { model: toolsModel, tool_choice: "required" };
const repeated = [{ role: "user", content: REPEAT }];
const chatTool = () => chat({ ...forced, messages: repeated, max_tokens: 48, tools: [{ type: "function", function: weather }] });
const responseTool = () =>
  respond({ ...forced, input: REPEAT, max_output_tokens: 48, tools: [{ type: "function", strict: true, ...weather }] });
const called = (response) => {
  const call = response.output.find((item) => item.type === "function_call");
  return { name: call.name, input: JSON.parse(call.arguments), status: response.status };
};

await judge({
  async chat() {
    const { choices: [choice], usage } = await client.chat.completions.create(chat());
    return { text: choice.message.content, stop: choice.finish_reason, usage };
  },
  async chat_stream() {
    const stream = client.chat.completions.stream(chat({ stream_options: { include_usage: true } }));
    let pieces = 0;
    stream.on("content", () => (pieces += 1));
    const { choices: [choice], usage } = await stream.finalChatCompletion();
    return { pieces, text: choice.message.content, stop: choice.finish_reason, usage };
  },
  async chat_tool() {
    const { choices: [choice] } = await client.chat.completions.create(chatTool());
    const [call] = choice.message.tool_calls;
    return { name: call.function.name, input: JSON.parse(call.function.arguments) };
  },
  async chat_structured() {
    const response_format = { type: "json_schema", json_schema: { name: "city", strict: true, schema: CITY } };
    const { choices } = await client.chat.completions.create(chat({ response_format, max_tokens: 48 }));
    return JSON.parse(choices[0].message.content);
  },
  async response() {
    const response = await client.responses.create(respond());
    return { text: response.output_text, status: response.status, usage: response.usage };
  },
  async response_stream() {
    const stream = await client.responses.create(respond({ stream: true }));
    const kinds = [];
    let text = "";
    let last;
    for await (const event of stream) {
      kinds.push(event.type);
      if (event.type === "response.output_text.delta") text += event.delta;
      last = event;
    }
    return { first: kinds[0], last: last.type, text, deltas: kinds.filter((kind) => kind.endsWith("text.delta")).length,
             usage: last.response.usage };
  },
  async response_turns() {
    const input = [
      { role: "developer", content: "You are brief." },
      { role: "user", content: "My name is Ada." },
      { type: "message", role: "assistant", status: "completed", id: "msg_1",
        content: [{ type: "output_text", text: "Hello Ada.", annotations: [] }] },
      { role: "user", content: [{ type: "input_text", text: "What is my name?" }] },
    ];
    return (await client.responses.create(respond({ input }))).output_text.length;
  },
  response_tool: async () => called(await client.responses.create(responseTool())),
  async response_streamed_tool() {
    const stream = await client.responses.create({ ...responseTool(), stream: true });
    let last;
    for await (const event of stream) last = event;
    return called(last.response);
  },
  async response_tool_result() {
    const input = [
      { role: "user", content: QUESTION },
      { type: "function_call", call_id: "call_1", name: "get_weather", arguments: '{"city":"Paris"}' },
      { type: "function_call_output", call_id: "call_1", output: "It is sunny." },
    ];
    const tools = [{ type: "function", strict: true, ...weather }];
    return (await client.responses.create(respond({ model: toolsModel, input, tools }))).usage.output_tokens;
  },
  async response_structured() {
    const text = { format: { type: "json_schema", name: "city", strict: true, schema: CITY } };
    return JSON.parse((await client.responses.create(respond({ text, max_output_tokens: 48 }))).output_text);
  },
  async embeddings() {
    const { data } = await client.embeddings.create({ model: embeddingsModel, input: ["sea", "moon"] });
    return data.map((row) => row.embedding.length);
  },
  count: async () => (await client.responses.inputTokens.count({ model, input: QUESTION })).input_tokens,
  async models() {
    return (await client.models.list()).data.map((one) => one.id);
  },
  unknown_model: () => client.chat.completions.create(chat({ model: "smollm3" })),
  unknown_response: () => client.responses.create(respond({ model: "smollm3" })),
  too_long: () => client.responses.create(respond({ input: "word ".repeat(12_000) })),
  async cancel() {
    const stream = await client.responses.create(respond({ stream: true, input: "Tell a long story.", max_output_tokens: 4000 }));
    for await (const event of stream) if (event.type === "response.output_text.delta") break;
    return stream.controller.signal.aborted;
  },
});
