-- Store blocks and states, unless counts changed since they were read; returns 1 where stored.
local changes_key = ARGV[1]
local blocks_key = ARGV[2]
local states_key = ARGV[3]
local changes = cjson.decode(ARGV[4])  -- as they were read
local blocks = ARGV[5]  -- JSON
local states = ARGV[6]  -- JSON
local removed_states = ARGV[7]  -- JSON
local ttl = ARGV[8]
local oldest = ARGV[9]  -- blocks before it go

for block, number in pairs(changes) do
  if redis.call('HGET', changes_key, block) ~= number then return 0 end
end
for block in pairs(changes) do redis.call('HDEL', changes_key, block) end
for _, block in ipairs(cjson.decode(removed_states)) do redis.call('HDEL', states_key, block) end
for key, values in pairs({[blocks_key] = blocks, [states_key] = states}) do
  for block, value in pairs(cjson.decode(values)) do redis.call('HSET', key, block, value) end
  redis.call('EXPIRE', key, ttl)
end
for _, block in ipairs(redis.call('HKEYS', blocks_key)) do
  if block < oldest then redis.call('HDEL', blocks_key, block) end
end
return 1
