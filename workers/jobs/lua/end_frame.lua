-- A frame of a stream is processed or set aside: its attempts are forgotten.
local frame = ARGV[1]

redis.call('HDEL', FRAMES, frame)
