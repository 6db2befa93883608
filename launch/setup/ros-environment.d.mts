export const profilesVariable: string;
export const rosFolder: string;
export const rosPrefix: string;
export const rosPython: string;
export const rosInterfaces: string;
export const missingFile: string;
export function rosPythonVersion(): string | undefined;
export function rosEnvironment(): { readonly [name: string]: string };
export function noRos(): string | undefined;
