-- What the scripts of retrainings share; comes before each of them. Keys: see requests.py.
local STATE, LOCK = 'echocast:retraining', 'echocast:retraining:lock'
local NUMBER = 'echocast:retraining:number'
