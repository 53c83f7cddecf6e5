-- A worker stops; its attempts at frames of streams do not count.
local incarnation = ARGV[1]

redis.call('HDEL', WORKERS, incarnation)
for frame, attempt in pairs(hash_table(FRAMES)) do
  local attempts, holder = string.match(attempt, '^(%d+) (.*)$')
  if holder == incarnation then redis.call('HSET', FRAMES, frame, (attempts - 1) .. ' ') end
end
