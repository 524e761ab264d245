-- Replaces all state of an account, open, if its epoch is higher; answers the epoch that was found. Whatever is not the
-- account's own (keys, stream, denials) is left. KEYS: a, p, h, d, due, shut.
-- ARGV[1], MessagePack: {epoch, fields and values, profile or nil, holds {id, due, record}, rank}

local MANY = 4000
local standing = cmsgpack.unpack(ARGV[1])
local fields, holds, rank = standing[2], standing[4], standing[5]

local before = redis.call('HGET', KEYS[1], '!e') or '0'
if standing[1] <= tonumber(before) then
  return before
end
local old = redis.call('HKEYS', KEYS[3])

-- The first write is one that a full server refuses.
redis.call('HSET', KEYS[1], '!x', 1)
redis.call('DEL', KEYS[1], KEYS[2], KEYS[3], KEYS[4])
for i = 1, #old do
  redis.call('ZREM', KEYS[5], rank .. old[i])
end
redis.call('ZREM', KEYS[6], rank)
for first = 1, #fields, MANY do
  redis.call('HSET', KEYS[1], unpack(fields, first, math.min(first + MANY - 1, #fields)))
end
if standing[3] then
  redis.call('SET', KEYS[2], standing[3])
end
for i = 1, #holds do
  local id, due = holds[i][1], holds[i][2]
  redis.call('HSET', KEYS[3], id, due .. ' ' .. holds[i][3])
  redis.call('ZADD', KEYS[4], due, id)
  redis.call('ZADD', KEYS[5], due, rank .. id)
end
return before
