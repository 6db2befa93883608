// Suite `kernels`: single operators, for each generator what the best library takes.
import { products } from "./products.ts";
import { rows } from "./rows.ts";

export const kernels = [...products, ...rows];
