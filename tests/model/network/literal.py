"""The printed equations, written out in numpy float64: slow, literal, and independent of torch.

Weights are dictionaries named by the papers' symbols: Wxg is W_xg, a trailing 2 is a prime.
"""

import numpy as np


def conv(x, w):
    """Cross-correlation with zero padding: x (batch, in, h, w), w (out, in, k, k)."""
    k = w.shape[-1]
    p = k // 2
    padded = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
    out = np.zeros((x.shape[0], w.shape[0], *x.shape[2:]))
    for dy in range(k):
        for dx in range(k):
            patch = padded[:, :, dy : dy + x.shape[2], dx : dx + x.shape[3]]
            out += np.einsum("oi,bihw->bohw", w[:, :, dy, dx], patch)
    return out


def sigma(a):
    return 1 / (1 + np.exp(-a))


def bias(b):
    return b[None, :, None, None]


def st_lstm(w, X, H, C, M):
    g = np.tanh(conv(X, w["Wxg"]) + conv(H, w["Whg"]) + bias(w["bg"]))
    i = sigma(conv(X, w["Wxi"]) + conv(H, w["Whi"]) + bias(w["bi"]))
    f = sigma(conv(X, w["Wxf"]) + conv(H, w["Whf"]) + bias(w["bf"]))
    C = f * C + i * g
    g2 = np.tanh(conv(X, w["Wxg2"]) + conv(M, w["Wmg"]) + bias(w["bg2"]))
    i2 = sigma(conv(X, w["Wxi2"]) + conv(M, w["Wmi"]) + bias(w["bi2"]))
    f2 = sigma(conv(X, w["Wxf2"]) + conv(M, w["Wmf"]) + bias(w["bf2"]))
    M = f2 * M + i2 * g2
    o = sigma(
        conv(X, w["Wxo"])
        + conv(H, w["Who"])
        + conv(C, w["Wco"])
        + conv(M, w["Wmo"])
        + bias(w["bo"])
    )
    return o * np.tanh(conv(np.concatenate([C, M], 1), w["W11"])), C, M


def mim_n(w, difference, N):
    g = np.tanh(conv(difference, w["Wxg"]) + conv(N, w["Wng"]) + bias(w["bg"]))
    i = sigma(conv(difference, w["Wxi"]) + conv(N, w["Wni"]) + bias(w["bi"]))
    f = sigma(conv(difference, w["Wxf"]) + conv(N, w["Wnf"]) + bias(w["bf"]))
    N = f * N + i * g
    o = sigma(conv(difference, w["Wxo"]) + conv(N, w["Wno"]) + bias(w["bo"]))
    return o * np.tanh(N), N


def mim_s(w, D, C, S):
    g = np.tanh(conv(D, w["Wdg"]) + conv(C, w["Wcg"]) + bias(w["bg"]))
    i = sigma(conv(D, w["Wdi"]) + conv(C, w["Wci"]) + bias(w["bi"]))
    f = sigma(conv(D, w["Wdf"]) + conv(C, w["Wcf"]) + bias(w["bf"]))
    S = f * S + i * g
    o = sigma(conv(D, w["Wdo"]) + conv(C, w["Wco"]) + conv(S, w["Wso"]) + bias(w["bo"]))
    return o * np.tanh(S), S


def mim_block(w, n, s, X, X_before, H, C, M, N, S):
    g = np.tanh(conv(X, w["Wxg"]) + conv(H, w["Whg"]) + bias(w["bg"]))
    i = sigma(conv(X, w["Wxi"]) + conv(H, w["Whi"]) + bias(w["bi"]))
    D, N = mim_n(n, X - X_before, N)
    T, S = mim_s(s, D, C, S)
    C = T + i * g
    g2 = np.tanh(conv(X, w["Wxg2"]) + conv(M, w["Wmg"]) + bias(w["bg2"]))
    i2 = sigma(conv(X, w["Wxi2"]) + conv(M, w["Wmi"]) + bias(w["bi2"]))
    f2 = sigma(conv(X, w["Wxf2"]) + conv(M, w["Wmf"]) + bias(w["bf2"]))
    M = f2 * M + i2 * g2
    o = sigma(
        conv(X, w["Wxo"])
        + conv(H, w["Who"])
        + conv(C, w["Wco"])
        + conv(M, w["Wmo"])
        + bias(w["bo"])
    )
    return o * np.tanh(conv(np.concatenate([C, M], 1), w["W11"])), C, M, N, S


def conv_lstm(w, X, H, C):
    g = np.tanh(conv(X, w["Wxg"]) + conv(H, w["Whg"]) + bias(w["bg"]))
    i = sigma(conv(X, w["Wxi"]) + conv(H, w["Whi"]) + bias(w["bi"]))
    f = sigma(conv(X, w["Wxf"]) + conv(H, w["Whf"]) + bias(w["bf"]))
    o = sigma(conv(X, w["Wxo"]) + conv(H, w["Who"]) + bias(w["bo"]))
    C = f * C + i * g
    return o * np.tanh(C), C


def memory_only(w, X, H, M):
    """PredRNN equation (3); X is None above the first layer."""

    def pre(gate):
        from_input = 0 if X is None else conv(X, w["Wx" + gate])
        return from_input + conv(H, w["Wh" + gate]) + bias(w["b" + gate])

    g = np.tanh(pre("g"))
    i = sigma(pre("i") + bias(w["Wmi"]) * M)
    f = sigma(pre("f") + bias(w["Wmf"]) * M)
    M = f * M + i * g
    o = sigma(pre("o") + bias(w["Wmo"]) * M)
    return o * np.tanh(M), M


def causal_half(w, X, H, C, M):
    """PredRNN++: M and H from the new C."""
    g2 = np.tanh(conv(X, w["Wxg2"]) + conv(C, w["Wcg2"]) + bias(w["bg2"]))
    i2 = sigma(conv(X, w["Wxi2"]) + conv(C, w["Wci2"]) + conv(M, w["Wmi2"]) + bias(w["bi2"]))
    f2 = sigma(conv(X, w["Wxf2"]) + conv(C, w["Wcf2"]) + conv(M, w["Wmf2"]) + bias(w["bf2"]))
    M = f2 * np.tanh(conv(M, w["Wmm"])) + i2 * g2
    from_memories = conv(C, w["Wco"]) + conv(M, w["Wmo"])
    o = np.tanh(conv(X, w["Wxo"]) + conv(H, w["Who"]) + from_memories + bias(w["bo"]))
    return o * np.tanh(conv(np.concatenate([C, M], 1), w["W11"])), M


def causal_lstm(w, X, H, C, M):
    g = np.tanh(conv(X, w["Wxg"]) + conv(H, w["Whg"]) + conv(C, w["Wcg"]) + bias(w["bg"]))
    i = sigma(conv(X, w["Wxi"]) + conv(H, w["Whi"]) + conv(C, w["Wci"]) + bias(w["bi"]))
    f = sigma(conv(X, w["Wxf"]) + conv(H, w["Whf"]) + conv(C, w["Wcf"]) + bias(w["bf"]))
    C = f * C + i * g
    H, M = causal_half(w, X, H, C, M)
    return H, C, M


def mim_star(w, n, s, X, X_before, H, C, M, N, S):
    g = np.tanh(conv(X, w["Wxg"]) + conv(H, w["Whg"]) + bias(w["bg"]))
    i = sigma(conv(X, w["Wxi"]) + conv(H, w["Whi"]) + bias(w["bi"]))
    D, N = mim_n(n, X - X_before, N)
    T, S = mim_s(s, D, C, S)
    C = T + i * g
    H, M = causal_half(w, X, H, C, M)
    return H, C, M, N, S


def highway(w, X, Z):
    p = np.tanh(conv(X, w["Wpx"]) + conv(Z, w["Wpz"]) + bias(w["bp"]))
    s = sigma(conv(X, w["Wsx"]) + conv(Z, w["Wsz"]) + bias(w["bs"]))
    return s * p + (1 - s) * Z
