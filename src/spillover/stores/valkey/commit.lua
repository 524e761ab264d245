-- A batch: each item's box is checked and its change applied, in order; after a conflict later items of that account
-- are conflicts too. All reads and checks stand before the first write, and the first write is one that a full server
-- refuses: so nothing is ever half done. Numbers are integers below 2^53.
--
-- KEYS: the mark of this call, marks of calls that are not to be heard of any more, keys of items, {a, p} of accounts,
-- others. ARGV: payloads, after one MessagePack {least, most, retention, durable, marks, keys, accounts, count, items,
-- more};
--   least, most: the server's clock (ms) at which this may be done; most 0: at any
--   accounts, items: each one array of all their values, end to end: a table for each would cost more than all checks
--   account {stream's place in KEYS, its id as text}
--   item    {key's place, account, epoch, version, seen, key, fingerprint, payload's place in ARGV or nil, number of
--            its operations}, then of each operation {name, low, high, floor or nil, add}
--   more    number of an item -> {profile, its version, denied {n, member, score}, hold {id, due, record, h, d, due,
--            rank}, ended {id, h, d, due, rank}}, of those that have any of this
-- Answer: {numbers, known, states}, {'cancelled'} or {'clock', ms}.
--   numbers, MessagePack: for each item its sequence and cells; -1 conflict; -2 known; -2 - N the same key as item N
--   known   {value, payload or nil} for each -2; states {account, profile or nil, cells} for each account with a -1

local HELD_MS, DENIALS_MAX, COUNTS, MANY = 600000, 10000, 2 ^ 20, 4000
local HEAD, WIDTH = 9, 5 -- values of an item before its operations; of an operation

local redis_call, format, byte, unpack = redis.call, string.format, string.byte, unpack
local call = cmsgpack.unpack(ARGV[1])
local least, most, retention, durable, marks, keys = call[1], call[2], call[3], call[4], call[5], call[6]
local ids, count, items, more = call[7], call[8], call[9], call[10]
local KEYS_BEFORE = 1 + marks + keys -- those of accounts

-- %d takes half the time of %.0f; it is exact where a C long has 64 bits, and this is asked, not believed.
local INTEGER = format('%d', 2 ^ 53 - 1) == '9007199254740991' and '%d' or '%.0f'

local function text(number)
  return format(INTEGER, number)
end

local function in_parts(command, key, list, length)
  for first = 1, length, MANY do
    redis_call(command, key, unpack(list, first, math.min(first + MANY - 1, length)))
  end
end

if redis_call('EXISTS', KEYS[1]) == 1 then
  return {'cancelled'}
end
if most > 0 then
  local time = redis_call('TIME')
  local own = time[1] * 1000 + math.floor(time[2] / 1000)
  if own < least or own > most then
    return {'clock', text(own)}
  end
end

-- Used for each item again; `escaped` are the fields of cells whose name is not their field.
local fields, names, escaped = {'!e', '!s', '!v', '!x'}, {}, {}

-- Learns the account's place, and those cells that are not known yet of the operations between two places in `items`.
local function read(account, first, last)
  local cells, from, filled = account.cells, 5, 4
  if not cells then
    cells, from = {}, 1
    account.cells = cells
  end
  for at = first, last, WIDTH do
    local name = items[at]
    if not cells[name] then
      filled = filled + 1
      cells[name], names[filled] = 0, name
      if byte(name) == 33 then
        escaped[name] = '!' .. name
        name = escaped[name]
      end
      fields[filled] = name
    end
  end
  for part = from, filled, MANY do
    local values = redis_call('HMGET', account.key, unpack(fields, part, math.min(part + MANY - 1, filled)))
    if part == 1 then
      account.epoch, account.sequence = (values[1] or 0) + 0, (values[2] or 0) + 0
      account.version, account.shut = (values[3] or 0) + 0, values[4] == '1'
    end
    for i = part == 1 and 5 or 1, #values do
      if values[i] then
        cells[names[part + i - 1]] = values[i] + 0
      end
    end
  end
end

local function fits(account, at, first, last)
  local epoch, sequence, cells = account.epoch, account.sequence, account.cells
  if account.shut or account.version ~= items[at + 3] or sequence < items[at + 4] then
    return false
  end
  if epoch ~= items[at + 2] and (epoch > 0 or sequence > 0) then
    return false
  end
  for operation = first, last, WIDTH do
    local value = cells[items[operation]]
    if value < items[operation + 1] or value > items[operation + 2] then
      return false
    end
  end
  return true
end

local accounts = {}

local function account_of(number)
  local account = accounts[number]
  if not account then
    local key = KEYS[KEYS_BEFORE + 2 * number - 1]
    account = {number = number, key = key, cells = false, order = false, epoch = 0, sequence = 0, version = 0}
    accounts[number] = account
  end
  return account
end

local function stream_of(account) -- its key, and the account's id
  return KEYS[ids[2 * account.number - 1]], ids[2 * account.number]
end

-- What a key made, {value, payload or false}; nil for an event that nobody has any more: of an epoch before the last
-- rebuild, which did not find it in the books (else it has a + before its entry), and not in the stream either.
local function behind(account, key, value)
  local epoch, booked, entry = string.match(value, '^(%S+) %S+ (%+?)(%S+)')
  local stream, id = stream_of(account)
  local found = entry ~= '0-0' and redis_call('XRANGE', stream, entry, entry)[1]
  local mine = found and found[2][2] == id and found[2][8] == key
  if not mine and booked == '' then
    if not account.cells then
      read(account, 1, 0)
    end
    if tonumber(epoch) < account.epoch then
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

local function change(account, at, first, last, terms)
  local cells, order = account.cells, account.order
  if not order then
    order = {}
    account.order, touched[#touched + 1] = order, account
  end
  local moved = #order
  for operation = first, last, WIDTH do
    local name, floor = items[operation], items[operation + 3]
    local value = cells[name]
    local after = (floor and value < floor and floor or value) + items[operation + 4]
    if after ~= value then
      moved = moved + 1
      cells[name], order[moved] = after, name
    end
  end
  if account.epoch ~= items[at + 2] or account.sequence == 0 then
    account.renewed, account.epoch = true, items[at + 2]
  end
  account.sequence = account.sequence + 1
  if terms and terms[1] then
    account.renewed, account.profile, account.version = true, terms[1], terms[2]
  end
end

local function count_denial(denial)
  local place = denial[1] .. ' ' .. denial[2]
  if not denials[place] then
    denials[place], denied[#denied + 1] = 0, denial
  end
  denials[place] = denials[place] + 1
end

-- What is known under each key: the first of them is KEYS[2 + marks].
local values, made = {}, {}
for first = marks + 2, marks + 1 + keys, MANY do
  local last = math.min(first + MANY - 1, marks + 1 + keys)
  local found = redis_call('MGET', unpack(KEYS, first, last))
  for i = first, last do
    values[i] = found[i - first + 1]
  end
end

local known, at = {}, 1
for i = 1, count do
  local key, account, rest = items[at], account_of(items[at + 1]), more[i]
  local first, last = at + HEAD, at + HEAD + WIDTH * items[at + 8] - 1
  local event = not made[key] and values[key] and behind(account, items[at + 5], values[key])
  if not made[key] and not event and not account.conflict then
    read(account, first, last)
  end
  if made[key] then
    say(-2 - made[key])
  elseif event then
    known[#known + 1] = event
    say(-2)
  elseif account.conflict or not fits(account, at, first, last) then
    if not account.conflict then
      account.conflict, conflicts[#conflicts + 1] = true, account
    end
    say(-1)
  else
    if items[at + 7] then
      change(account, at, first, last, rest)
      local n = #events
      events[n + 1], events[n + 2], events[n + 3], events[n + 4] = at, account, account.sequence, rest or false
      made[key] = i
    elseif rest and rest[3] then
      count_denial(rest[3])
    end
    say(account.sequence)
    local cells = account.cells
    for operation = first, last, WIDTH do
      filled = filled + 1
      numbers[filled] = cells[items[operation]]
    end
  end
  at = last + 1
end

-- From here on it is only written.
local put, dropped = {'!s'}, {}
for i = 1, #touched do
  local account = touched[i]
  local order, cells, kept, gone = account.order, account.cells, 2, 0
  put[2] = text(account.sequence)
  if account.renewed then
    put[3], put[4], put[5], put[6], kept = '!e', text(account.epoch), '!v', text(account.version), 6
  end
  for j = 1, #order do
    local name = order[j]
    local field, value = escaped[name] or name, cells[name]
    cells[name] = nil -- it may stand in `order` again
    if value == 0 then
      gone = gone + 1
      dropped[gone] = field
    elseif value then
      put[kept + 1], put[kept + 2], kept = field, text(value), kept + 2
    end
  end
  in_parts('HSET', account.key, put, kept)
  in_parts('HDEL', account.key, dropped, gone)
  if account.profile then
    redis_call('SET', KEYS[KEYS_BEFORE + 2 * account.number], account.profile)
  end
end
for i = 1, #denied do
  local key, member, score = KEYS[denied[i][1]], denied[i][2], denied[i][3]
  local before = tonumber(redis_call('ZSCORE', key, member) or score)
  local after = math.min(before + denials[denied[i][1] .. ' ' .. member], score + COUNTS - 1)
  redis_call('ZADD', key, text(after), member)
  redis_call('PEXPIRE', key, 31 * 86400000)
  if redis_call('ZCARD', key) > DENIALS_MAX then
    redis_call('ZREMRANGEBYRANK', key, 0, 0)
  end
end
local lasts = text(retention)
for i = 1, #events, 4 do
  local at, account, rest = events[i], events[i + 1], events[i + 3]
  local stream, id = stream_of(account)
  local epoch, sequence, payload = text(items[at + 2]), text(events[i + 2]), ARGV[items[at + 7]]
  local entry = redis_call('XADD', stream, '*', 'a', id, 'e', epoch, 's', sequence, 'k', items[at + 5], 'p', payload)
  redis_call('SET', KEYS[items[at]], epoch .. ' ' .. sequence .. ' ' .. entry .. ' ' .. items[at + 6], 'PX', lasts)
  local hold, ended = rest and rest[4], rest and rest[5]
  if ended then
    redis_call('HDEL', KEYS[ended[2]], ended[1])
    redis_call('ZREM', KEYS[ended[3]], ended[1])
    redis_call('ZREM', KEYS[ended[4]], ended[5] .. ended[1])
  end
  if hold then
    local due = text(hold[2])
    redis_call('HSET', KEYS[hold[4]], hold[1], due .. ' ' .. hold[3])
    redis_call('ZADD', KEYS[hold[5]], due, hold[1])
    redis_call('ZADD', KEYS[hold[6]], due, hold[7] .. hold[1])
  end
end
for i = 2, marks + 1 do
  redis_call('SET', KEYS[i], 1, 'PX', HELD_MS)
end
if durable and #known > 0 and #touched == 0 then
  -- What is known may be newer than what a replica has: WAIT waits only behind a write of its own connection.
  redis_call('SET', KEYS[1], 1, 'PX', 1000)
end

local states = {}
for i = 1, #conflicts do
  local account = conflicts[i]
  local profile = redis_call('GET', KEYS[KEYS_BEFORE + 2 * account.number])
  states[i] = {account.number, profile, redis_call('HGETALL', account.key)}
end
return {cmsgpack.pack(numbers), known, states}
