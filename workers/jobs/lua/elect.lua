-- One janitor at a time.
local incarnation = ARGV[1]
local term_milliseconds = ARGV[2]

local janitor = redis.call('GET', 'echocast:janitor')
if janitor and janitor ~= incarnation then return 0 end
redis.call('SET', 'echocast:janitor', incarnation, 'PX', term_milliseconds)
return 1
