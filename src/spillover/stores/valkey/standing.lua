-- All of an account's state, read at one moment. KEYS: a, p, h.
return {redis.call('HGETALL', KEYS[1]), redis.call('GET', KEYS[2]), redis.call('HGETALL', KEYS[3])}
