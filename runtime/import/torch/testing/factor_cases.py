"""Cases of factors of matrices, eigenvalues and singular values, by numpy's; make-operator-cases.py writes them with its own."""
import math

import numpy as np

from operator_cases import a, case, f, f32, f64, i32, i64

# Numbers of their own, so that those of other cases stay.
own_rng = np.random.default_rng(15)


def drawn(*shape, dtype=f64):
    return np.round(own_rng.uniform(-2.0, 2.0, shape), 3).astype(dtype)


def eliminated(x):
    """LU with partial pivoting, and LAPACK's pivots, written out."""
    x = x.astype(f64).copy()
    pivots = []
    for column in range(min(x.shape)):
        row = column + int(np.argmax(np.abs(x[column:, column])))
        pivots.append(row + 1)
        x[[column, row]] = x[[row, column]]
        if x[column, column] == 0:
            continue
        x[column + 1 :, column] /= x[column, column]
        x[column + 1 :, column + 1 :] -= np.outer(x[column + 1 :, column], x[column, column + 1 :])
    return x, np.array(pivots, i32)


def parts(packed, pivots):
    rows, columns = packed.shape
    count = min(rows, columns)
    p = np.eye(rows)
    for row, other in enumerate(pivots):
        p[[row, other - 1]] = p[[other - 1, row]]
    return p.T, np.tril(packed[:, :count], -1) + np.eye(rows, count), np.triu(packed[:count])


def factors(dtype):
    """Cases of factors in one dtype."""
    def of(each):
        return np.asarray(each).astype(dtype)

    for rows, columns in ((4, 4), (5, 3), (3, 5)):
        x = drawn(rows, columns, dtype=dtype)
        packed, pivots = eliminated(x)
        case("linalg_lu_factor", x, gives=(of(packed), pivots))
        case("linalg_lu_factor_ex", x, gives=(of(packed), pivots, np.array(0, i32)))
        case("_lu_with_info", x, gives=(of(packed), pivots, np.array(0, i32)))
        case("linalg_lu", x, gives=tuple(of(each) for each in parts(packed, pivots)))
        case("lu_unpack", of(packed), pivots, gives=tuple(of(each) for each in parts(packed, pivots)))
        u, s, vh = np.linalg.svd(x.astype(f64))
        count = min(rows, columns)
        case("linalg_svd", x, full_matrices=False, signless=True, gives=(of(u[:, :count]), of(s), of(vh[:count])))
        case("_linalg_svd", x, signless=True, gives=(of(u[:, :count]), of(s), of(vh[:count])))
        case("svd", x, signless=True, gives=(of(u[:, :count]), of(s), of(vh[:count].T)))
        if abs(rows - columns) < 2:
            case("linalg_svd", x, signless=True, gives=(of(u), of(s), of(vh)))
        case("linalg_svdvals", x, gives=of(s))
        case("linalg_pinv.atol_rtol_float", x, gives=of(np.linalg.pinv(x.astype(f64))))
        case("linalg_pinv", x, 0.3, gives=of(np.linalg.pinv(x.astype(f64), 0.3)))
        case("pinverse", x, gives=of(np.linalg.pinv(x.astype(f64))))
        case("linalg_matrix_rank.atol_rtol_float", x, gives=np.array(count, i64))
        case("linalg_matrix_rank", x, float(s[1] * 1.001), gives=np.array(1, i64))
        case("linalg_cond", x, gives=of(s[0] / s[-1]))
        case("nuclear_norm", x, gives=of(s.sum()))
        case("nuclear_norm.dim", x[None].copy(), [2, 1], gives=of([s.sum()]))
        case("linalg_norm.ord_str", x, "nuc", gives=of(s.sum()))
        for ord in (2, -2):
            case("linalg_matrix_norm", x, ord, gives=of(np.linalg.norm(x.astype(f64), ord)))
        b = drawn(rows, 2, dtype=dtype)
        solution, _, rank, values = np.linalg.lstsq(x.astype(f64), b.astype(f64), None)
        rest = ((x.astype(f64) @ solution - b) ** 2).sum(0) if rows > columns else np.zeros(0)
        case("linalg_lstsq", x, b, driver="gelsd", gives=(of(solution), of(rest), np.array(rank, i64), of(values)))
        case("linalg_lstsq", x, b, gives=(of(solution), of([]), np.array(rank, i64), of([])))
    x = drawn(4, 4, dtype=dtype)
    wide, b = x.astype(f64), drawn(4, 2, dtype=dtype)
    packed, pivots = eliminated(x)
    bd = b.astype(f64)
    case("linalg_solve_ex", x, b, gives=(of(np.linalg.solve(wide, bd)), np.array(0, i32)))
    case("_linalg_solve_ex", x, b, gives=(of(np.linalg.solve(wide, bd)), of(packed), pivots, np.array(0, i32)))
    case("linalg_lu_solve", of(packed), pivots, b, gives=of(np.linalg.solve(wide, bd)))
    case("linalg_lu_solve", of(packed), pivots, b, adjoint=True, gives=of(np.linalg.solve(wide.T, bd)))
    case("linalg_lu_solve", of(packed), pivots, b.T.copy(), left=False, gives=of(np.linalg.solve(wide.T, bd).T))
    case("lu_solve", b, of(packed), pivots, gives=of(np.linalg.solve(wide, bd)))
    packed, pivots = eliminated(x.T)
    case("_linalg_det", x, gives=(of(np.linalg.det(wide)), of(packed), pivots))
    case("_linalg_slogdet", x, gives=(*(of(each) for each in np.linalg.slogdet(wide)), of(packed), pivots))
    case("linalg_tensorinv", x.reshape(2, 2, 4).copy(), gives=of(np.linalg.tensorinv(wide.reshape(2, 2, 4))))
    for order in ("fro", "nuc"):
        case("linalg_cond.p_str", x, order, gives=of(np.linalg.cond(wide, order)))
    for order in (-2, 1, -1, math.inf, -math.inf):
        case("linalg_cond", x, order, gives=of(np.linalg.cond(wide, order)))
    symmetric = wide + wide.T
    values, vectors = np.linalg.eigh(symmetric)
    case("linalg_eigh", of(np.tril(symmetric)), signless=True, gives=(of(values), of(vectors)))
    case("linalg_eigh", of(np.triu(symmetric)), "U", signless=True, gives=(of(values), of(vectors)))
    case("_linalg_eigh", of(symmetric), signless=True, gives=(of(values), of(vectors)))
    case("linalg_eigvalsh", of(symmetric), gives=of(values))
    case("linalg_pinv.atol_rtol_float", of(symmetric), hermitian=True, gives=of(np.linalg.inv(symmetric)))
    for rows, columns in ((5, 3), (4, 4)):
        x = drawn(rows, columns, dtype=dtype)
        packed, tau = np.linalg.qr(x.astype(f64), mode="raw")
        packed = packed.T
        q = np.linalg.qr(x.astype(f64))[0]
        case("geqrf", x, gives=(of(packed), of(tau)))
        case("linalg_householder_product", of(packed), of(tau), gives=of(q))
        case("orgqr", of(packed), of(tau), gives=of(q))
        whole = np.linalg.qr(x.astype(f64), mode="complete")[0]
        other = drawn(rows, 2, dtype=dtype)
        case("ormqr", of(packed), of(tau), other, gives=of(whole @ other))
        case("ormqr", of(packed), of(tau), other, transpose=True, gives=of(whole.T @ other))
        case("ormqr", of(packed), of(tau), other.T.copy(), left=False, gives=of(other.T @ whole))


for dtype in (f32, f64):
    factors(dtype)
singular = a([[1.0, 2.0], [2.0, 4.0]], f64)
case("linalg_inv_ex", a([[2.0, 0.0], [0.0, 4.0]]), gives=(a([[0.5, 0.0], [0.0, 0.25]]), np.array(0, i32)))
case("linalg_lu_factor_ex", singular, gives=(a([[2.0, 4.0], [0.5, 0.0]], f64), np.array([2, 2], i32), np.array(2, i32)))
case("linalg_matrix_rank.atol_rtol_float", singular, gives=np.array(1, i64))
case("linalg_cond", singular, 1, gives=a(np.inf, f64))
# The second is what PyTorch's documentation of matrix_exp shows.
for name in ("linalg_matrix_exp", "matrix_exp"):
    case(name, a([[[0.0, 0.0], [0.0, 0.0]], [[0.0, 1.0], [-1.0, 0.0]]], f64),
         gives=a([np.eye(2), [[math.cos(1), math.sin(1)], [-math.sin(1), math.cos(1)]]], f64))
    mixed = np.linalg.qr(drawn(4, 4))[0]
    case(name, mixed @ np.diag([-3.0, 0.5, 2.0, 3.0]) @ mixed.T, gives=mixed @ np.diag(np.exp([-3.0, 0.5, 2.0, 3.0])) @ mixed.T)
    case(name, f(np.diag([-3.0, 0.5, 6.0])), gives=f(np.diag(np.exp([-3.0, 0.5, 6.0]))))
one, other = drawn(3, 4), drawn(4, 2)
case("chain_matmul", [one, one.T.copy(), one @ other], gives=one @ one.T @ one @ other)
