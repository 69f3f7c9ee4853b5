-- A wrk script that sends search queries. QUESTIONS is a file of percent-encoded questions, one per line; SEARCH is the
-- path of the search endpoint. Every request is new to the server's cache: `rerank_ms`, which has no effect where nothing
-- is reranked, differs for each run and each pass over the file. With REMEMBERED set, all requests are the same instead.
local questions, at, pass = {}, 0, 1000 * tonumber(os.getenv("RUN"))
for line in io.lines(os.getenv("QUESTIONS")) do questions[#questions + 1] = line end
statuses = {}

function setup(thread)
  all = thread
end

function request()
  if not os.getenv("REMEMBERED") then at = at + 1 end
  if at > #questions then
    at, pass = 1, pass + 1
  end
  return wrk.format("GET", os.getenv("SEARCH") .. "?rerank_ms=" .. pass .. "&q=" .. questions[math.max(at, 1)])
end

function response(status)
  statuses[status] = (statuses[status] or 0) + 1
end

function done(summary, latency)
  local ms = function(share) return latency:percentile(share) / 1000 end
  local counts = {}
  for status, count in pairs(all:get("statuses")) do counts[#counts + 1] = string.format('"%d": %d', status, count) end
  local errors = summary.errors
  io.write(string.format(
    '\n{"seconds": %.3f, "requests": %d, "statuses": {%s}, "p50_ms": %.3f, "p90_ms": %.3f, "p99_ms": %.3f, "most_ms": %.3f, "broken": %d}\n',
    summary.duration / 1e6, summary.requests, table.concat(counts, ", "), ms(50), ms(90), ms(99), latency.max / 1000,
    errors.connect + errors.read + errors.write + errors.timeout
  ))
end
