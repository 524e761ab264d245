-- Shuts an account, known or not, and says where it stands. KEYS: a, shut. ARGV: its rank.
redis.call('HSET', KEYS[1], '!x', 1)
redis.call('ZADD', KEYS[2], 0, ARGV[1])
return redis.call('HMGET', KEYS[1], '!e', '!s', '!v', '!x')
