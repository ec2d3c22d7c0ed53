-- A chat request of 1.2 kB. BENCH_PAD adds that many bytes to its last message, BENCH_MODELS names a file with the
-- models to ask for in turn, one a line (m1 without it), BENCH_STREAM=1 asks for a stream, BENCH_PAUSE_MS
-- makes each connection wait that long before a request, on average. With BENCH_GET=1 it is a GET and no chat.
local text = string.rep("Tell me about the quick brown fox and the lazy dog. ", 16)
text = text .. string.rep("x", tonumber(os.getenv("BENCH_PAD") or "0"))
local rest = '","messages":[{"role":"system","content":"You are a helpful assistant."},{"role":"user","content":"'
  .. text .. '"}],"temperature":0.7'
if os.getenv("BENCH_STREAM") == "1" then
  rest = rest .. ',"stream":true,"stream_options":{"include_usage":true}'
end
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["Authorization"] = "Bearer sk-test-123"

local requests, at = {}, 0
function init()
  if os.getenv("BENCH_GET") == "1" then
    requests[1] = wrk.format("GET")
    return
  end
  local file = os.getenv("BENCH_MODELS")
  local models = {}
  if file then
    for model in io.lines(file) do models[#models + 1] = model end
  else
    models = { "m1" }
  end
  for _, model in ipairs(models) do
    requests[#requests + 1] = wrk.format(nil, nil, nil, '{"model":"' .. model .. rest .. "}")
  end
end
function request()
  at = at % #requests + 1
  return requests[at]
end

local pause_ms = tonumber(os.getenv("BENCH_PAUSE_MS") or "0")
if pause_ms > 0 then
  function delay()
    return math.random(0, 2 * pause_ms)
  end
end
