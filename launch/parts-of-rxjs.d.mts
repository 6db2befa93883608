/** Imports of RxJS's parts in the place of the whole; RxJS is found from the address or path given. */
export declare const partsOfRxjs: (from: string) => { readonly name: string; setup(build: object): void };
