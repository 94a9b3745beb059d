-- Requests of wrk: bodies of the file named by the first argument, one a line, each thread in its own order.
-- At the end one line of JSON: responses by status, latencies in seconds.

local threads = {}

function setup(thread)
  thread:set("number", #threads + 1)
  table.insert(threads, thread)
end

function init(args)
  bodies = {}
  for line in io.lines(args[1]) do bodies[#bodies + 1] = line end
  math.randomseed(number)
  ok, full, other = 0, 0, 0
end

function request()
  return wrk.format("POST", "/v1/classify", { ["Content-Type"] = "application/json" }, bodies[math.random(#bodies)])
end

function response(status)
  if status == 200 then ok = ok + 1 elseif status == 503 then full = full + 1 else other = other + 1 end
end

function done(summary, latency)
  local sums = { ok = 0, full = 0, other = 0 }
  for _, thread in ipairs(threads) do
    for name in pairs(sums) do sums[name] = sums[name] + thread:get(name) end
  end
  local errors = summary.errors
  io.write(string.format(
    '{"seconds": %f, "ok": %d, "full": %d, "other": %d, "connect_errors": %d, "read_errors": %d, "write_errors": %d, "timeouts": %d, "median": %f, "p99": %f, "max": %f}\n',
    summary.duration / 1e6, sums.ok, sums.full, sums.other, errors.connect, errors.read, errors.write, errors.timeout,
    latency:percentile(50) / 1e6, latency:percentile(99) / 1e6, latency.max / 1e6))
end
