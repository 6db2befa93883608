// Where things stand in the MCAP file of a recording, as its writer and its readers agree.

export const eventsTopic = "/isochron/events";
export const outputTopic = (task: string): string => `/isochron/outputs/${task}`;
export const metadataName = "isochron";
export const applicationAttachment = "application.json";
export const artifactAttachment = (program: string): string => `artifacts/${program}.iso`;
/** Says, before all messages, which ROS time logical 0 has, and whether the run is live; absent where the time is 0 and the run is not. */
export const epochMetadataName = "isochron.epoch";
/** Version 2 says when a job ended and when a skip was decided; in version 3 times of messages are counted from an epoch. */
export const formatVersion = "3";
export const formatVersions = ["1", "2", formatVersion] as const;
