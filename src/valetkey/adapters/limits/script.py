"""The generic cell rate algorithm as one Lua script: every charge of a request in one step of the store."""

from __future__ import annotations

from typing import Final

STORE_TIME: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
"""
"""The store's clock, in microseconds: those of the nodes do not matter."""

# It follows `gcra` line by line. Lua counts in doubles, exact up to 2^53: in microseconds, until the year 2255.
# A number is written with %.0f, because Lua's own way keeps 14 digits and an arrival time has 16.
# A counter outlives its debt by ten seconds: a clock that is set back by less than that forgives nobody.
_SCRIPT: Final = """
local spends = ARGV[1] == 'spend'
local held, pending, judged = {}, {}, {}
local refused = false
for i, key in ipairs(KEYS) do
  local at = (i - 1) * 4 + 1
  local interval, tolerance = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local cost, enforced = tonumber(ARGV[at + 3]), ARGV[at + 4] == '1'
  if not held[key] then
    held[key] = tonumber(redis.call('GET', key) or '0') or 0
  end
  local start = math.min(math.max(pending[key] or held[key], now), now + tolerance)
  local following = start + cost * interval
  local wait = following - now - tolerance
  if wait <= 0 then
    pending[key] = following
  else
    following = start
    refused = refused or enforced
  end
  judged[i] = {following - now, wait, tolerance}
end
if refused then
  for i, key in ipairs(KEYS) do
    judged[i][1] = math.min(math.max(held[key] - now, 0), judged[i][3])
  end
elseif spends then
  for key, following in pairs(pending) do
    if following > now then
      local lives = math.ceil((following - now) / 1000) + 10000
      redis.call('SET', key, string.format('%.0f', following), 'PX', string.format('%.0f', lives))
    end
  end
end
local said = {}
for i, each in ipairs(judged) do
  said[2 * i - 1], said[2 * i] = each[1], each[2]
end
return said
"""


def script(clock: str = STORE_TIME) -> str:
    """Return the script; `clock` is Lua that sets `now`, so that a test can turn the hands.

    KEYS are the buckets. ARGV is 'spend' or 'look', and for each bucket its interval and tolerance in microseconds,
    the cost and '1' where the limit is enforced. It returns two integers a bucket: the microseconds until it is
    full, and until the charge would pass (0 or less where it does).
    """
    return clock + _SCRIPT
