-- For wrk: ask for each path of a file in turn, and print what came of it as JSON.
local paths, place = {}, 0

function init(arguments)
  wrk.headers["Host"] = "localhost" -- an ETag is true for one host
  for path in io.lines(arguments[1]) do paths[#paths + 1] = path end
  if arguments[2] then wrk.headers["If-None-Match"] = arguments[2] end
end

function request()
  place = place % #paths + 1
  return wrk.format(nil, paths[place])
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "failed": %d}',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
