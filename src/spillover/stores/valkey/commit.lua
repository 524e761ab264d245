-- A batch: each item's box is checked and its change applied, in order; after a conflict later items of that account
-- are conflicts too. All reads and checks stand before the first write, and the first write is one that a full server
-- refuses: so nothing is ever half done. Numbers are integers below 2^53.
--
-- KEYS: the mark of this call, marks of calls that are not to be heard of any more, keys of items, keys of accounts and
-- shards. ARGV[1], MessagePack: {least, most, retention, durable, marks, keys, accounts, items};
--   least, most: the server's clock (ms) at which this may be done; most 0: at any
--   account {a, p, stream, text}: places in KEYS, and its id as text
--   item    {key's place, account, epoch, version, seen, operations, key, fingerprint, payload, profile, its version,
--            denied {n, member, score}, hold {id, due, record, h, d, due, rank}, ended {id, h, d, due, rank}}
-- Answer: {numbers, known, states}, {'cancelled'} or {'clock', ms}.
--   numbers, MessagePack: for each item its sequence and cells; -1 conflict; -2 known; -2 - N the same key as item N
--   known   {value, payload or nil} for each -2; states {account, profile or nil, cells} for each account with a -1

local HELD_MS, DENIALS_MAX, COUNTS, MANY = 600000, 10000, 2 ^ 20, 4000

local call = cmsgpack.unpack(ARGV[1])
local least, most, retention, durable, marks, keys = call[1], call[2], call[3], call[4], call[5], call[6]
local accounts, items = call[7], call[8]

local function text(number)
  return string.format('%.0f', number)
end

local function in_parts(command, key, list)
  for first = 1, #list, MANY do
    redis.call(command, key, unpack(list, first, math.min(first + MANY - 1, #list)))
  end
end

if redis.call('EXISTS', KEYS[1]) == 1 then
  return {'cancelled'}
end
if most > 0 then
  local time = redis.call('TIME')
  local own = time[1] * 1000 + math.floor(time[2] / 1000)
  if own < least or own > most then
    return {'clock', text(own)}
  end
end

-- Learns the account's place, and those cells of the operations that are not known yet.
local function read(account, operations)
  local fields, names, count = {}, {}, 0
  local cells = account.cells
  if not cells then
    cells, fields, count = {}, {'!e', '!s', '!v', '!x'}, 4
    account.cells, account.moved, account.order = cells, {}, {}
  end
  for i = 1, #operations do
    local name = operations[i][1]
    if cells[name] == nil then
      count = count + 1
      cells[name], names[count] = 0, name
      fields[count] = string.byte(name, 1) == 33 and '!' .. name or name
    end
  end
  for first = 1, count, MANY do
    local last = math.min(first + MANY - 1, count)
    local values = redis.call('HMGET', KEYS[account[1]], unpack(fields, first, last))
    for i = first, last do
      local value = values[i - first + 1]
      if names[i] then
        cells[names[i]] = value and tonumber(value) or 0
      else
        account[fields[i]] = value and tonumber(value) or 0
      end
    end
  end
end

local function fits(account, item)
  if account['!x'] == 1 or account['!v'] ~= item[4] or account['!s'] < item[5] then
    return false
  end
  if account['!e'] ~= item[3] and (account['!e'] > 0 or account['!s'] > 0) then
    return false
  end
  local cells, operations = account.cells, item[6]
  for i = 1, #operations do
    local operation = operations[i]
    local value = cells[operation[1]]
    if value < operation[2] or value > operation[3] then
      return false
    end
  end
  return true
end

-- What a key made, {value, payload or false}; nil for an event that nobody has any more: of an epoch before the last
-- rebuild, which did not find it in the books (else it has a + before its entry), and not in the stream either.
local function behind(account, item, value)
  local epoch, booked, entry = string.match(value, '^(%S+) %S+ (%+?)(%S+)')
  local found = entry ~= '0-0' and redis.call('XRANGE', KEYS[account[3]], entry, entry)[1]
  local mine = found and found[2][2] == account[4] and found[2][8] == item[7]
  if not mine and booked == '' then
    if not account.cells then
      read(account, {})
    end
    if tonumber(epoch) < account['!e'] then
      return nil
    end
  end
  return {value, mine and found[2][10] or false}
end

local numbers, filled = {}, 0
local touched, events, denied, denials, conflicts = {}, {}, {}, {}, {}

local function say(number)
  filled = filled + 1
  numbers[filled] = number
end

local function apply(account, item)
  local cells, moved, order = account.cells, account.moved, account.order
  local operations, grants = item[6], item[9]
  say(grants and account['!s'] + 1 or account['!s'])
  for i = 1, #operations do
    local operation = operations[i]
    local name, floor = operation[1], operation[4]
    local value = cells[name]
    if grants then
      local after = (floor and value < floor and floor or value) + operation[5]
      if after ~= value then
        cells[name], value = after, after
        if not moved[name] then
          moved[name], order[#order + 1] = true, name
        end
      end
    end
    say(value)
  end
  if not grants then
    local count = item[12]
    if count then
      local place = count[1] .. ' ' .. count[2]
      if not denials[place] then
        denials[place], denied[#denied + 1] = 0, count
      end
      denials[place] = denials[place] + 1
    end
    return
  end
  if not account.touched then
    account.touched, touched[#touched + 1] = true, account
  end
  account.place = account.place or item[10] or account['!e'] ~= item[3] or account['!s'] == 0
  account['!e'], account['!s'] = item[3], account['!s'] + 1
  if item[10] then
    account['!v'], account.profile = item[11], item[10]
  end
  item.sequence = account['!s']
  events[#events + 1] = item
end

-- What is known under each key: the first of them is KEYS[2 + marks].
local values, made = {}, {}
for first = marks + 2, marks + 1 + keys, MANY do
  local last = math.min(first + MANY - 1, marks + 1 + keys)
  local found = redis.call('MGET', unpack(KEYS, first, last))
  for i = first, last do
    values[i] = found[i - first + 1]
  end
end

local known = {}
for i = 1, #items do
  local item = items[i]
  local key, account = item[1], accounts[item[2]]
  local event = not made[key] and values[key] and behind(account, item, values[key])
  if made[key] then
    say(-2 - made[key])
  elseif event then
    known[#known + 1] = event
    say(-2)
  else
    if not account.conflict then
      read(account, item[6])
    end
    if not account.conflict and fits(account, item) then
      apply(account, item)
      if item[9] then
        made[key] = i
      end
    else
      if not account.conflict then
        account.conflict, conflicts[#conflicts + 1] = true, item[2]
      end
      say(-1)
    end
  end
end

-- From here on it is only written.
for i = 1, #touched do
  local account = touched[i]
  local order, cells = account.order, account.cells
  local put, dropped = {'!s', text(account['!s'])}, {}
  if account.place then
    put = {'!s', put[2], '!e', text(account['!e']), '!v', text(account['!v'])}
  end
  for j = 1, #order do
    local name = order[j]
    local field = string.byte(name, 1) == 33 and '!' .. name or name
    if cells[name] == 0 then
      dropped[#dropped + 1] = field
    else
      put[#put + 1] = field
      put[#put + 1] = text(cells[name])
    end
  end
  in_parts('HSET', KEYS[account[1]], put)
  in_parts('HDEL', KEYS[account[1]], dropped)
  if account.profile then
    redis.call('SET', KEYS[account[2]], account.profile)
  end
end
for i = 1, #denied do
  local key, member, least = KEYS[denied[i][1]], denied[i][2], denied[i][3]
  local before = tonumber(redis.call('ZSCORE', key, member) or least)
  local after = math.min(before + denials[denied[i][1] .. ' ' .. member], least + COUNTS - 1)
  redis.call('ZADD', key, text(after), member)
  redis.call('PEXPIRE', key, 31 * 86400000)
  if redis.call('ZCARD', key) > DENIALS_MAX then
    redis.call('ZREMRANGEBYRANK', key, 0, 0)
  end
end
for i = 1, #events do
  local item = events[i]
  local account = accounts[item[2]]
  local epoch, sequence = text(item[3]), text(item.sequence)
  local entry = redis.call('XADD', KEYS[account[3]], '*',
    'a', account[4], 'e', epoch, 's', sequence, 'k', item[7], 'p', item[9])
  redis.call('SET', KEYS[item[1]], epoch .. ' ' .. sequence .. ' ' .. entry .. ' ' .. item[8], 'PX', retention)
  local hold, ended = item[13], item[14]
  if ended then
    redis.call('HDEL', KEYS[ended[2]], ended[1])
    redis.call('ZREM', KEYS[ended[3]], ended[1])
    redis.call('ZREM', KEYS[ended[4]], ended[5] .. ended[1])
  end
  if hold then
    local due = text(hold[2])
    redis.call('HSET', KEYS[hold[4]], hold[1], due .. ' ' .. hold[3])
    redis.call('ZADD', KEYS[hold[5]], due, hold[1])
    redis.call('ZADD', KEYS[hold[6]], due, hold[7] .. hold[1])
  end
end
for i = 2, marks + 1 do
  redis.call('SET', KEYS[i], 1, 'PX', HELD_MS)
end
if durable and #known > 0 and #touched == 0 then
  -- What is known may be newer than what a replica has: WAIT waits only behind a write of its own connection.
  redis.call('SET', KEYS[1], 1, 'PX', 1000)
end

local states = {}
for i = 1, #conflicts do
  local account = accounts[conflicts[i]]
  states[i] = {conflicts[i], redis.call('GET', KEYS[account[2]]), redis.call('HGETALL', KEYS[account[1]])}
end
return {cmsgpack.pack(numbers), known, states}
