// What both judges share: every case is run, and what it returned or raised is printed as one object of JSON.

export async function judge(cases) {
  const told = {};
  for (const [name, run] of Object.entries(cases)) {
    try {
      told[name] = { value: await run() };
    } catch (error) {
      told[name] = { error: error.constructor.name, status: error.status, message: error.message };
    }
  }
  console.log(JSON.stringify(told));
}

export const CITY = {
  type: "object",
  properties: { city: { type: "string", enum: ["Paris", "Rome"] } },
  required: ["city"],
  additionalProperties: false,
};
// llama.cpp lets a model talk before it calls, and a model this small would go on for ever.
export const REPEAT = 'Repeat this JSON and nothing else:\n{"name": "get_weather", "arguments": {"city": "Paris"}}';
export const QUESTION = "What is the capital of France? Answer in one sentence.";
