"""Cases of complex matrices and signals, by numpy's; make-operator-cases.py writes them with its own."""
import numpy as np

from operator_cases import case, f32, f64, i64

own_rng = np.random.default_rng(16)


def drawn(*shape, dtype=np.complex128):
    parts = np.round(own_rng.uniform(-2.0, 2.0, (2, *shape)), 3)
    return (parts[0] + 1j * parts[1] if np.issubdtype(dtype, np.complexfloating) else parts[0]).astype(dtype)


def power(x, n):
    return np.linalg.matrix_power(x, n)


for dtype, plain in ((np.complex64, f32), (np.complex128, f64)):
    def of(each):
        return np.asarray(each).astype(dtype)

    def real(each):
        return np.asarray(each).astype(plain)

    x, y, line = drawn(3, 4, dtype=dtype), drawn(4, 2, dtype=dtype), drawn(4, dtype=dtype)
    wide, other = x.astype(complex), y.astype(complex)
    case("matmul", x, y, gives=of(wide @ other))
    case("matmul", line, y, gives=of(line.astype(complex) @ other))
    case("matmul", line, line, gives=of(line.astype(complex) @ line))
    case("mm", x, y, gives=of(wide @ other))
    case("mv", x, line, gives=of(wide @ line))
    pile, piled = drawn(2, 3, 4, dtype=dtype), drawn(2, 4, 2, dtype=dtype)
    case("bmm", pile, piled, gives=of(pile.astype(complex) @ piled))
    case("adjoint", x, gives=of(wide.conj().T))
    square = of(drawn(2, 4, 4, dtype=dtype) + 4 * np.eye(4))
    sd = square.astype(complex)
    right = drawn(2, 4, 3, dtype=dtype)
    case("linalg_solve", square, right, gives=of(np.linalg.solve(sd, right)))
    case("linalg_solve", square[0], line, gives=of(np.linalg.solve(sd[0], line)))
    case("linalg_solve", square[0], x, left=False, gives=of(np.linalg.solve(sd[0].T, wide.T).T))
    for name in ("linalg_inv", "inverse"):
        case(name, square, gives=of(np.linalg.inv(sd)))
    for name in ("linalg_matrix_power", "matrix_power"):
        for n in (3, 0, -2):
            case(name, square, n, gives=of(power(sd, n)))
    values, vectors = np.linalg.eigh(sd[0] + sd[0].conj().T)
    case("linalg_eigvalsh", of(np.tril(sd[0] + sd[0].conj().T)), gives=real(values))
    case("linalg_eigvalsh", of(np.triu(sd[0] + sd[0].conj().T)), "U", gives=real(values))
    turned = np.linalg.qr(drawn(3, 3))[0]
    rates = np.array([0.5j, -1.0, 1.0 - 2.0j])
    for name in ("linalg_matrix_exp", "matrix_exp"):
        case(name, of(turned @ np.diag(rates) @ turned.conj().T), gives=of(turned @ np.diag(np.exp(rates)) @ turned.conj().T))
    positive = sd @ sd.conj().swapaxes(-1, -2)
    lower = np.linalg.cholesky(positive)
    for name in ("linalg_cholesky", "cholesky"):
        case(name, of(np.tril(positive)), gives=of(lower))
        case(name, of(np.triu(positive)), upper=True, gives=of(lower.conj().swapaxes(-1, -2)))
    for given in (x, of(x.T), square[1]):
        whole = given.astype(complex)
        s = np.linalg.svd(whole, compute_uv=False)
        case("linalg_svdvals", given, gives=real(s))
        case("linalg_cond", given, gives=real(s[0] / s[-1]))
        case("linalg_cond", given, -2, gives=real(s[-1] / s[0]))
        case("linalg_matrix_rank.atol_rtol_float", given, gives=np.array(min(given.shape), i64))
        case("linalg_pinv.atol_rtol_float", given, gives=of(np.linalg.pinv(whole)))
        case("linalg_pinv", given, 0.6, gives=of(np.linalg.pinv(whole, 0.6)))
        case("pinverse", given, gives=of(np.linalg.pinv(whole)))
        q, r = np.linalg.qr(whole)
        case("linalg_qr", given, signless=True, gives=(of(q), of(r)))
    a, b = drawn(2, 3, 6, dtype=plain), drawn(2, 3, dtype=plain)
    case("linalg_tensorsolve", a, b, gives=real(np.linalg.tensorsolve(a.astype(f64), b)))
    moved = np.moveaxis(a, 2, 0).copy()
    case("linalg_tensorsolve", moved, b, [0], gives=real(np.linalg.tensorsolve(a.astype(f64), b)))
    case("linalg_vander", b, gives=real(np.stack([b.astype(f64) ** n for n in range(3)], -1)))
    case("linalg_vander", b, N=5, gives=real(np.stack([b.astype(f64) ** n for n in range(5)], -1)))
    for norm in (None, "ortho", "forward"):
        half = of(drawn(2, 4))
        case("fft_hfft", half, norm=norm, gives=real(np.fft.hfft(half.astype(complex), norm=norm)))
        case("fft_hfft", half, 5, norm=norm, gives=real(np.fft.hfft(half.astype(complex), 5, norm=norm)))
        case("fft_ihfft", b, norm=norm, gives=of(np.fft.ihfft(b.astype(f64), norm=norm)))
        case("fft_ihfft", b, 5, 0, norm=norm, gives=of(np.fft.ihfft(b.astype(f64), 5, 0, norm=norm)))
    # Frames of 8 every 2, of signals that have imaginary parts.
    sound = drawn(2, 20, dtype=dtype)
    wave = sound.astype(complex)
    frames = np.stack([wave[:, at : at + 8] for at in range(0, 13, 2)], 1)
    spectrum = np.fft.fft(frames).swapaxes(1, 2)
    case("stft", sound, 8, 2, gives=of(spectrum), return_complex=True)
    around = np.pad(wave, [(0, 0), (4, 4)], "reflect")
    centred = np.fft.fft(np.stack([around[:, at : at + 8] for at in range(0, 21, 2)], 1)).swapaxes(1, 2)
    case("stft.center", sound, 8, 2, return_complex=True, gives=of(centred))
    case("istft", of(centred), 8, 2, onesided=False, return_complex=True, gives=sound)

# Triangles, whose eigenvalues are found in the order of their diagonals.
for dtype, plain in ((np.complex64, f32), (np.complex128, f64)):
    for given in (drawn(4, 4, dtype=dtype), drawn(4, 4, dtype=plain)):
        x = (np.triu(given, 1) + np.diag([3, -1, 0.5, 2])).astype(given.dtype)
        values, vectors = np.linalg.eig(x.astype(complex))
        case("linalg_eig", x, signless=True, gives=(values.astype(dtype), vectors.astype(dtype)))
        for name in ("linalg_eigvals", "_linalg_eigvals"):
            case(name, x[None].copy(), gives=values[None].astype(dtype))
