-- Asks Valetkey's decision service about a request (contract "haproxy"); HAProxy 2.6 or later, nothing else.
-- The variable proc.valetkey names the decision service: `set-var proc.valetkey str(http://HOST:PORT)`.

-- Milliseconds; HAProxy tries four times before it gives up.
local timeout = 500

local judged = {
  "authorization", "x-api-key", "dpop", "x-http-method-override", "x-http-method", "x-method-override",
}
local handed_to_api = {
  "x-valetkey-assertion", "x-valetkey-subject", "x-valetkey-client", "x-valetkey-scope",
}
local handed_to_client = {
  "www-authenticate", "retry-after", "ratelimit", "ratelimit-policy", "cache-control", "content-type",
}

-- Whatever else is answered is a failure, such as HAProxy's own 504.
local refusals = { [400] = true, [401] = true, [403] = true, [429] = true, [503] = true }

-- HAProxy counts the values of a header from 0.
local function values_of(header)
  local values = {}
  if header == nil then return values end
  local index = header[0] ~= nil and 0 or 1
  while header[index] ~= nil do
    values[#values + 1] = header[index]
    index = index + 1
  end
  return values
end

local function refuse(txn, status, headers, body)
  local reply = txn:reply({ status = status })
  for _, name in ipairs(handed_to_client) do
    for _, value in ipairs(values_of(headers[name])) do
      reply:add_header(name, value)
    end
  end
  reply:set_body(body)
  txn:done(reply)
end

local function unavailable(txn)
  refuse(txn, 503, {
    ["content-type"] = { "application/json" },
    ["retry-after"] = { "2" },
    ["cache-control"] = { "no-store" },
  }, '{"error":"temporarily_unavailable"}')
end

core.register_action("valetkey", { "http-req" }, function(txn)
  local received = txn.http:req_get_headers()
  local headers = {
    ["x-valetkey-method"] = { txn.sf:method() },
    ["x-valetkey-scheme"] = { txn:get_var("txn.valetkey_scheme") },
    ["x-valetkey-target"] = { txn:get_var("txn.valetkey_target") },
    ["x-valetkey-host"] = values_of(received["host"]),
    ["x-valetkey-address"] = { txn.sf:src() },
  }
  for _, name in ipairs(judged) do
    local values = values_of(received[name])
    if #values > 0 then headers[name] = values end
  end

  local decision = txn:get_var("proc.valetkey") .. "/decide/haproxy"
  local answer = core.httpclient():get({ url = decision, headers = headers, timeout = timeout })
  if answer == nil then return unavailable(txn) end
  if refusals[answer.status] then return refuse(txn, answer.status, answer.headers, answer.body) end
  if answer.status ~= 200 then return unavailable(txn) end
  for _, name in ipairs(handed_to_api) do
    for _, value in ipairs(values_of(answer.headers[name])) do
      txn.http:req_set_header(name, value)
    end
  end
  local limit, policy = values_of(answer.headers["ratelimit"])[1], values_of(answer.headers["ratelimit-policy"])[1]
  if limit ~= nil then txn:set_var("txn.valetkey_ratelimit", limit) end
  if policy ~= nil then txn:set_var("txn.valetkey_policy", policy) end
  txn:set_var("txn.valetkey_allowed", true)
end, 0)
