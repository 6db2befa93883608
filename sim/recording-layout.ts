// Where things stand in the MCAP file of a recording, as its writer and its readers agree.

export const eventsTopic = "/isochron/events";
export const outputTopic = (task: string): string => `/isochron/outputs/${task}`;
export const metadataName = "isochron";
export const applicationAttachment = "application.json";
export const artifactAttachment = (program: string): string => `artifacts/${program}.iso`;
/** Version 2 says when a job ended and when a skip was decided. */
export const formatVersion = "2";
export const formatVersions = ["1", formatVersion] as const;
