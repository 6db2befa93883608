// Suite `kernels`: single operators: products, what goes along rows, pooling, resizing, the first of a sorted row.
import { products } from "./products.ts";
import { rows } from "./rows.ts";

export const kernels = [...products, ...rows];
