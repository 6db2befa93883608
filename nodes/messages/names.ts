// The two ways in which names of message types are written.

/** `pkg/msg/Name`, however the slashes were written. */
export const fullTypeName = (type: string): string => {
  const parts = type.split("/");
  return parts.length === 2 ? `${parts[0]}/msg/${parts[1]}` : type;
};

/** `pkg/Name`, as definitions refer to each other. */
export const shortTypeName = (type: string): string => type.replace("/msg/", "/");
