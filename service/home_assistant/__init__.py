"""Rain at places for Home Assistant, by MQTT discovery: one device a place."""
