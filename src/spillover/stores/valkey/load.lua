-- An account's place, the named cells and its profile, read at one moment. KEYS: a, p. ARGV: fields.
return {redis.call('HMGET', KEYS[1], unpack(ARGV)), redis.call('GET', KEYS[2])}
