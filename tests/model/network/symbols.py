"""Put weights named by the papers' symbols into our stacked convolutions."""

import torch

ST_LSTM = {
    "on_x": ["Wxg", "Wxi", "Wxf", "Wxg2", "Wxi2", "Wxf2", "Wxo"],
    "on_h": ["Whg", "Whi", "Whf", "Who"],
    "on_m": ["Wmg", "Wmi", "Wmf"],
    "bias": ["bg", "bi", "bf", "bg2", "bi2", "bf2", "bo"],
}
BLOCK = {
    "on_x": ["Wxg", "Wxi", "Wxg2", "Wxi2", "Wxf2", "Wxo"],
    "on_h": ["Whg", "Whi", "Who"],
    "on_m": ["Wmg", "Wmi", "Wmf"],
    "bias": ["bg", "bi", "bg2", "bi2", "bf2", "bo"],
}
MIM_N = {
    "on_difference": ["Wxg", "Wxi", "Wxf", "Wxo"],
    "on_n": ["Wng", "Wni", "Wnf"],
    "on_new_n": ["Wno"],
    "bias": ["bg", "bi", "bf", "bo"],
}
MIM_S = {
    "on_d": ["Wdg", "Wdi", "Wdf", "Wdo"],
    "on_c": ["Wcg", "Wci", "Wcf", "Wco"],
    "on_new_s": ["Wso"],
    "bias": ["bg", "bi", "bf", "bo"],
}


def fill(module, names, weights):
    """Load ``weights`` (symbol -> array) into ``module`` by the table ``names``."""
    with torch.no_grad():
        for attribute, symbols in names.items():
            stack = torch.cat([torch.as_tensor(weights[symbol]) for symbol in symbols])
            if attribute == "bias":
                first = next(key for key in names if key != "bias")  # carries the bias
                getattr(module, first).conv.bias.copy_(stack)
            else:
                getattr(module, attribute).conv.weight.copy_(stack)
        if hasattr(module, "on_cm"):
            both = [torch.as_tensor(weights[symbol]) for symbol in ("Wco", "Wmo")]
            module.on_cm.conv.weight.copy_(torch.cat(both, 1))
            module.one_by_one.weight.copy_(torch.as_tensor(weights["W11"]))


def random_weights(names, inputs, channels, kernel, rng):
    """Random weights for every symbol of a table (and the output gate's, for ST-LSTM and block)."""
    weights = {}
    for attribute, symbols in names.items():
        fan_in = inputs if attribute == "on_x" else channels
        for symbol in symbols:
            shape = (channels,) if attribute == "bias" else (channels, fan_in, kernel, kernel)
            weights[symbol] = rng.normal(0, 0.3, shape)
    if "on_m" in names and "bias" not in names:  # the second half of a Causal LSTM
        weights["W11"] = rng.normal(0, 0.3, (channels, 2 * channels, 1, 1))
    elif "on_m" in names:
        for symbol in ("Wco", "Wmo"):
            weights[symbol] = rng.normal(0, 0.3, (channels, channels, kernel, kernel))
        weights["W11"] = rng.normal(0, 0.3, (channels, 2 * channels, 1, 1))
    return weights


CONV_LSTM = {
    "on_x": ["Wxg", "Wxi", "Wxf", "Wxo"],
    "on_h": ["Whg", "Whi", "Whf", "Who"],
    "bias": ["bg", "bi", "bf", "bo"],
}
MEMORY_ONLY = {
    "on_h": ["Whg", "Whi", "Whf", "Who"],
    "on_x": ["Wxg", "Wxi", "Wxf", "Wxo"],
    "bias": ["bg", "bi", "bf", "bo"],
}
CAUSAL = {
    "on_x": ["Wxg", "Wxi", "Wxf", "Wxg2", "Wxi2", "Wxf2", "Wxo"],
    "on_h": ["Whg", "Whi", "Whf", "Who"],
    "on_c": ["Wcg", "Wci", "Wcf"],
    "bias": ["bg", "bi", "bf", "bg2", "bi2", "bf2", "bo"],
}
MIM_STAR = {
    "on_x": ["Wxg", "Wxi", "Wxg2", "Wxi2", "Wxf2", "Wxo"],
    "on_h": ["Whg", "Whi", "Who"],
    "bias": ["bg", "bi", "bg2", "bi2", "bf2", "bo"],
}
CAUSAL_MEMORY = {
    "on_m": ["Wmi2", "Wmf2", "Wmm"],
    "on_new_c": ["Wcg2", "Wci2", "Wcf2", "Wco"],
    "on_new_m": ["Wmo"],
}
HIGHWAY = {"on_x": ["Wpx", "Wsx"], "on_z": ["Wpz", "Wsz"], "bias": ["bp", "bs"]}
