-- Sends the requests of a file (see loadText in requests.ts), one for all addresses or one for each, and reports the figures
-- as one line of JSON.
-- A thread sends to one address, by turns, and begins at a place of its own in the file. With as many threads as
-- connections the requests of an operation follow each other strictly; otherwise operations have one request each.

local threads = 0

function setup(thread)
  local addresses = {}
  for host, port in os.getenv("BENCH_ADDRESSES"):gmatch("([^:,]+):(%d+)") do
    table.insert(addresses, { host = host, port = port })
  end
  local address = addresses[threads % #addresses + 1]
  thread.addr = wrk.lookup(address.host, address.port)[1]
  thread:set("number", threads)
  threads = threads + 1
end

function init(args)
  local file = assert(io.open(args[number % #args + 1], "rb"))
  local requestCount, operationCount = file:read("*n", "*n")
  requests, operations = {}, {}
  for i = 1, requestCount do
    local length = file:read("*n")
    file:read(1)
    requests[i] = file:read(length)
  end
  file:read(0)
  for line in file:lines() do
    local operation = {}
    for each in line:gmatch("%d+") do table.insert(operation, tonumber(each)) end
    if #operation > 0 then table.insert(operations, operation) end
  end
  file:close()
  assert(#operations == operationCount, "the file of requests is damaged")
  at, step = number * 7919 % #operations + 1, 0
end

function request()
  local operation = operations[at]
  step = step + 1
  local text = requests[operation[step]]
  if step == #operation then
    at, step = at % #operations + 1, 0
  end
  return text
end

function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format(
    '\n{"requests":%d,"micros":%d,"p50":%d,"p99":%d,"broken":%d,"refused":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    e.connect + e.read + e.write + e.timeout, e.status))
end
